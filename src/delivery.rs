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

pub(crate) use lane::Limits;
use queue::Queue;

use crate::journal;

/// Makes an exporter: one for this process, and one for each process whose journal is recovered, since an exporter has
/// the resource of one process.
pub(crate) type MakeExporter<E> = Arc<dyn Fn() -> Result<E, Box<dyn Error + Send + Sync>> + Send + Sync>;

/// A span processor with one thread that exports.
#[derive(Debug)]
pub(crate) struct Delivery {
    queue: Arc<Queue>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl Delivery {
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
        // An export may take longer than the timeout; the thread ends with it.
        Err(OTelSdkError::Timeout(timeout))
    }

    fn set_resource(&mut self, resource: &Resource) {
        journal::outbox::set_resource(resource);
        self.queue.set_resource(resource.clone());
    }
}
