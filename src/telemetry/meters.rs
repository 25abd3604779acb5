//! The meter provider in force, and whether its instruments can be bound.

use std::any::TypeId;
use std::sync::Arc;
#[cfg(feature = "otlp")]
use std::sync::{PoisonError, RwLock, Weak};

use opentelemetry::global;
use opentelemetry::metrics::MeterProvider;

type Provider = Arc<dyn MeterProvider + Send + Sync>;

/// A meter provider.
#[derive(Clone)]
pub(crate) struct Meters {
    pub(super) provider: Provider,
    /// Whether it is OpenTelemetry's own SDK, whose instruments can be bound.
    pub(super) binds: bool,
}

impl Meters {
    /// The provider that the application gave.
    pub(crate) fn new<P: MeterProvider + Send + Sync + 'static>(provider: P) -> Self {
        Self { binds: is_sdk::<P>(), provider: Arc::new(provider) }
    }

    /// The global provider of now. Of what type it is, is known where this library has installed it.
    pub(super) fn global() -> Self {
        let provider = global::meter_provider();
        #[cfg(feature = "otlp")]
        let binds = is_installed(&provider);
        #[cfg(not(feature = "otlp"))]
        let binds = false;
        Self { provider, binds }
    }
}

/// Whether a type is that of the SDK.
fn is_sdk<P: 'static>() -> bool {
    sdk() == Some(TypeId::of::<P>())
}

/// The type of the SDK's provider, where it is built with what binds instruments.
#[cfg(feature = "bound-instruments")]
fn sdk() -> Option<TypeId> {
    Some(TypeId::of::<opentelemetry_sdk::metrics::SdkMeterProvider>())
}

#[cfg(not(feature = "bound-instruments"))]
const fn sdk() -> Option<TypeId> {
    None
}

/// The global provider that this library has installed.
#[cfg(feature = "otlp")]
static INSTALLED: RwLock<Option<Weak<dyn MeterProvider + Send + Sync>>> = RwLock::new(None);

/// Notes that the global provider of now is an SDK that this library has made.
#[cfg(feature = "otlp")]
pub(crate) fn note_installed() {
    let provider = Arc::downgrade(&global::meter_provider());
    *INSTALLED.write().unwrap_or_else(PoisonError::into_inner) = Some(provider);
}

#[cfg(feature = "otlp")]
fn is_installed(provider: &Provider) -> bool {
    let installed = INSTALLED.read().unwrap_or_else(PoisonError::into_inner);
    installed.as_ref().and_then(Weak::upgrade).is_some_and(|installed| Arc::ptr_eq(&installed, provider))
}
