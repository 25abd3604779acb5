//! OpenTelemetry-native instrumentation and audit for LLM API calls made with `reqwest`.

mod call;
mod content;
mod cost;
mod decoder;
mod hash;
mod outcome;
mod provider;
pub mod semconv;
mod sse;
mod usage;

pub use cost::{Cost, CostStatus, PriceQuery, PriceTable};
pub use outcome::Outcome;
pub use semconv::Semconv;
pub use usage::{Modality, Usage, UsageSource};
