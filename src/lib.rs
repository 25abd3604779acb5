//! OpenTelemetry-native instrumentation and audit for LLM API calls made with `reqwest`.

mod body;
mod builder;
mod call;
mod content;
mod context;
mod cost;
mod decoder;
mod hash;
mod middleware;
#[cfg(feature = "otlp")]
pub mod otlp;
mod outcome;
mod provider;
mod reader;
mod recorder;
mod request;
pub mod semconv;
mod settings;
mod strip;
mod telemetry;
mod usage;

pub use builder::GenAiMiddlewareBuilder;
pub use content::Capture;
pub use context::CallContext;
pub use cost::{Cost, CostStatus, PriceError, PriceQuery, PriceTable};
pub use middleware::GenAiMiddleware;
pub use outcome::Outcome;
pub use semconv::Semconv;
pub use usage::{Modality, Usage, UsageSource};
