//! Delivers finished spans to a receiver: in batches, and again with backoff while the receiver is away.
//!
//! The SDK's batch processor gives a batch up after a second of tries although its queue has room. This one keeps it
//! until it is delivered, until the receiver refuses it for good, or until the process ends; what finds the queue full
//! meanwhile is dropped and counted. Calls have a lane of their own, so that the application's other spans cannot push
//! them out.

mod backoff;
mod failure;
mod lane;
mod queue;
mod recoverer;
#[cfg(test)]
mod tests;
mod worker;

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock;
use crate::worker_thread;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};

#[cfg(feature = "otlp")]
pub(crate) use lane::Limits;
#[cfg(not(feature = "otlp"))]
use lane::Limits;
use queue::Queue;

use crate::journal;

/// Makes an exporter: one for this process, and one for each process whose journal is recovered, since an exporter has
/// the resource of one process.
pub(crate) type MakeExporter<E> = Arc<dyn Fn() -> Result<E, Box<dyn Error + Send + Sync>> + Send + Sync>;

/// A span processor that keeps spans until a receiver takes them, and marks the calls among them in the
/// [journal](crate::journal). [`otlp::init`](../otlp/fn.init.html) installs one; it is for applications that set up their
/// own tracer provider and want a journal.
///
/// ```no_run
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// # use opentelemetry_sdk::trace::InMemorySpanExporter;
///
/// // With opentelemetry-otlp: || Ok(SpanExporter::builder().with_http().build()?)
/// let delivery = spanledger::Delivery::new(|| Ok(InMemorySpanExporter::default()))?;
/// let provider = SdkTracerProvider::builder().with_span_processor(delivery).build();
/// # let _ = provider;
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
///
/// It keeps up to 8,192 calls or 32 MiB and as many other spans (`OTEL_BSP_MAX_QUEUE_SIZE`) and retries with backoff.
/// What finds the queue full, is refused for good or is left at the end is lost, unless a journal has it.
#[derive(Debug)]
pub struct Delivery {
    queue: Arc<Queue>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl Delivery {
    /// Starts its threads, with the limits that the specification's `OTEL_BSP_*` variables set. `make` makes exporters: one
    /// for this process, and one for each process whose journal is recovered, since an exporter has the resource of one
    /// process. Exporters are polled on a thread without an asynchronous runtime.
    ///
    /// # Errors
    ///
    /// When `make` fails, or the operating system gives no more threads.
    pub fn new<E>(
        make: impl Fn() -> Result<E, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Result<Self, Box<dyn Error + Send + Sync>>
    where
        E: SpanExporter + 'static,
    {
        let exporter = make()?;
        Ok(Self::start(exporter, Arc::new(make), Limits::from_env())?)
    }

    /// Starts the threads: one for `exporter`, and one for what other processes left in journals.
    pub(crate) fn start<E>(exporter: E, make: MakeExporter<E>, limits: Limits) -> std::io::Result<Self>
    where
        E: SpanExporter + 'static,
    {
        let queue = Arc::new(Queue::new(limits));
        let of_recoverer = Arc::clone(&queue);
        // It ends when it sees that the queue stops.
        worker_thread::spawn("spanledger-recover", move || recoverer::run(&of_recoverer, &make))?;
        let of_worker = Arc::clone(&queue);
        let worker = worker_thread::spawn("spanledger-delivery", move || worker::run(&of_worker, exporter))?;
        Ok(Self { queue, worker: Mutex::new(Some(worker)) })
    }
}

impl SpanProcessor for Delivery {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.queue.push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        let timeout = self.queue.limits.flush;
        if self.queue.flush(timeout) { Ok(()) } else { Err(OTelSdkError::Timeout(timeout)) }
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(worker) = worker else { return Err(OTelSdkError::AlreadyShutdown) };
        let deadline = clock::now() + timeout;
        let lost_before = self.queue.stop(deadline);
        journal::report_change();
        if self.queue.stopped(deadline) && worker.join().is_ok() {
            let lost = self.queue.lost() - lost_before;
            if lost == 0 {
                return Ok(());
            }
            return Err(OTelSdkError::InternalFailure(format!("{lost} spans were not delivered")));
        }
        // An export may take longer than the timeout; the thread ends with it. The process may end before, but in order.
        let _reports = journal::outbox::finish();
        Err(OTelSdkError::Timeout(timeout))
    }

    fn set_resource(&mut self, resource: &Resource) {
        journal::outbox::set_resource(resource);
        self.queue.set_resource(resource.clone());
    }
}
