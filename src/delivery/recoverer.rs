//! The thread that sends what other processes left in the journals' directories.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_executor::block_on;
use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::MakeExporter;
use super::failure::{self, Failure};
use super::queue::Queue;
use super::worker::UNCLEAR_TRIES;
use crate::journal::{self, Taken};

/// How often it looks for processes that have died.
const EVERY: Duration = Duration::from_secs(60);

/// Looks at the start, when a journal is opened, and regularly.
pub(super) fn run<E: SpanExporter>(queue: &Queue, make: &MakeExporter<E>) {
    let _suppressed = Context::enter_telemetry_suppressed_scope();
    let mut sender = Sender { make: Arc::clone(make), exporter: None, unclear: 0 };
    let mut seen = 0;
    while !queue.is_stopping() {
        for directory in journal::directories() {
            sender.recover(directory);
        }
        seen = journal::wait_for_change(seen, EVERY);
    }
}

struct Sender<E> {
    make: MakeExporter<E>,
    /// With the resource of the process whose calls it sends.
    exporter: Option<(Resource, E)>,
    unclear: u32,
}

impl<E: SpanExporter> Sender<E> {
    fn recover(&mut self, directory: PathBuf) {
        match journal::recover(&directory, &mut |resource, spans| self.send(resource, spans)) {
            Ok(recovered) => {
                for of in recovered {
                    if let Some(error) = of.error {
                        let directory = directory.display();
                        tracing::warn!(%directory, instance = of.instance, error, "a journal cannot be recovered now");
                        continue;
                    }
                    tracing::info!(
                        instance = of.instance,
                        ended = of.ended,
                        interrupted = of.interrupted,
                        refused = of.refused,
                        "the calls of a process that has ended were sent from its journal"
                    );
                }
            }
            Err(error) => {
                tracing::warn!(directory = %directory.display(), %error, "a journal cannot be recovered now")
            }
        }
    }

    fn send(&mut self, resource: &Resource, spans: Vec<SpanData>) -> Taken {
        if self.exporter.as_ref().is_none_or(|(of, _)| of != resource) {
            match (self.make)() {
                Ok(mut exporter) => {
                    exporter.set_resource(resource);
                    self.exporter = Some((resource.clone(), exporter));
                }
                Err(error) => {
                    tracing::warn!(%error, "no exporter for the calls of another process");
                    return Taken::NotNow;
                }
            }
        }
        let Some((_, exporter)) = &self.exporter else { return Taken::NotNow };
        let Err(error) = block_on(exporter.export(spans)) else {
            self.unclear = 0;
            return Taken::Delivered;
        };
        match failure::of(&error) {
            Failure::Away => Taken::NotNow,
            Failure::Refused => Taken::Refused,
            Failure::Unclear => {
                self.unclear += 1;
                if self.unclear < UNCLEAR_TRIES { Taken::NotNow } else { Taken::Refused }
            }
        }
    }
}
