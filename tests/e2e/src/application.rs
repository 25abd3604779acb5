//! An application that uses the library as any other would, and exports to the Collector.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use spanledger::otlp::Guard;
use spanledger::{CallContext, GenAiMiddleware, Semconv};

use crate::Result;
use crate::exchange::Exchange;
use crate::provider::{EXCHANGE, Provider};
use crate::wait::PATIENCE;

/// The application.
#[derive(Debug)]
pub struct Application {
    client: ClientWithMiddleware,
    telemetry: Telemetry,
}

/// What the application exports with.
#[derive(Debug)]
enum Telemetry {
    /// Providers of its own.
    Own { tracers: SdkTracerProvider, meters: SdkMeterProvider },
    /// The library's.
    Helper(Arc<Guard>),
}

impl Application {
    /// An application named `service` that calls `provider` and exports over gRPC to `collector`.
    ///
    /// # Errors
    /// When an exporter or the HTTP client cannot be built.
    pub fn start(service: &str, collector: SocketAddr, provider: &Provider) -> Result<Self> {
        Self::by(Semconv::Latest, service, collector, provider)
    }

    /// As [`Self::start`], with the names of the conventions until 1.41.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_older(service: &str, collector: SocketAddr, provider: &Provider) -> Result<Self> {
        Self::by(Semconv::V1_41, service, collector, provider)
    }

    fn by(semconv: Semconv, service: &str, collector: SocketAddr, provider: &Provider) -> Result<Self> {
        Self::of(semconv, service, "prod", "1.0.0", collector, provider)
    }

    /// As [`Self::start`], in an `environment` and of a `version`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn deployed(
        service: &str,
        environment: &str,
        version: &str,
        collector: SocketAddr,
        provider: &Provider,
    ) -> Result<Self> {
        Self::of(Semconv::Latest, service, environment, version, collector, provider)
    }

    fn of(
        semconv: Semconv,
        service: &str,
        environment: &str,
        version: &str,
        collector: SocketAddr,
        provider: &Provider,
    ) -> Result<Self> {
        let endpoint = format!("http://{collector}");
        let resource = Resource::builder()
            .with_service_name(service.to_owned())
            .with_attribute(KeyValue::new(
                "service.instance.id",
                format!("{service}-{environment}-{version}"),
            ))
            .with_attribute(KeyValue::new("service.namespace", "shop"))
            .with_attribute(KeyValue::new("service.version", version.to_owned()))
            .with_attribute(KeyValue::new("deployment.environment.name", environment.to_owned()))
            .build();
        let spans = SpanExporter::builder().with_tonic().with_endpoint(&endpoint).build()?;
        let tracers =
            SdkTracerProvider::builder().with_resource(resource.clone()).with_batch_exporter(spans).build();
        let metrics = MetricExporter::builder().with_tonic().with_endpoint(&endpoint).build()?;
        // As often as the tests' Prometheus scrapes, so that a rate has its points within seconds.
        let reader = PeriodicReader::builder(metrics).with_interval(Duration::from_secs(1)).build();
        let meters = SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build();
        let middleware = GenAiMiddleware::builder()
            .semconv(semconv)
            .tracer_provider(tracers.clone())
            .meter_provider(meters.clone())
            .build();
        Ok(Self { client: client(provider, middleware)?, telemetry: Telemetry::Own { tracers, meters } })
    }

    /// An application named `service` that calls `provider`, set up by `spanledger::otlp`, which exports over HTTP to
    /// `receiver`. One per process, since the providers are global.
    ///
    /// # Errors
    /// When telemetry or the HTTP client cannot be set up.
    pub fn with_helper(service: &str, receiver: SocketAddr, provider: &Provider) -> Result<Self> {
        Self::by_helper(spanledger::otlp::builder().bridge(false).service_name(service), receiver, provider)
    }

    /// As [`Self::with_helper`], with the application's `tracing` spans.
    ///
    /// # Errors
    /// As [`Self::with_helper`].
    pub fn with_bridge(service: &str, receiver: SocketAddr, provider: &Provider) -> Result<Self> {
        Self::by_helper(spanledger::otlp::builder().service_name(service), receiver, provider)
    }

    fn by_helper(
        helper: spanledger::otlp::Builder,
        receiver: SocketAddr,
        provider: &Provider,
    ) -> Result<Self> {
        let guard = helper.endpoint(format!("http://{receiver}")).flush_timeout(PATIENCE).init()?;
        let client = client(provider, GenAiMiddleware::new())?;
        Ok(Self { client, telemetry: Telemetry::Helper(Arc::new(guard)) })
    }

    /// Makes the call of `exchange` and reads the response to its end, or to where it is cut.
    ///
    /// # Errors
    /// When no response comes.
    pub async fn call(&self, exchange: &Exchange) -> Result<()> {
        let response = self
            .client
            .post(format!("http://{}{}", exchange.host, exchange.path))
            .header("content-type", "application/json")
            .header(EXCHANGE, &exchange.id)
            .body(exchange.request.clone())
            .with_extension(CallContext::new().conversation_id(&exchange.id).user_id("ada"))
            .send()
            .await?;
        match response.bytes().await {
            Ok(_) => Ok(()),
            Err(_) if exchange.cut => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Exports what there is.
    ///
    /// # Errors
    /// When the receiver does not take it.
    pub async fn flush(&self) -> Result<()> {
        // All wait for their exporters on the thread they are called from.
        match &self.telemetry {
            Telemetry::Own { tracers, meters } => {
                let (tracers, meters) = (tracers.clone(), meters.clone());
                let flush = move || tracers.force_flush().and_then(|()| meters.force_flush());
                tokio::task::spawn_blocking(flush).await??;
                Ok(())
            }
            Telemetry::Helper(guard) => {
                let guard = Arc::clone(guard);
                let taken = tokio::task::spawn_blocking(move || guard.flush()).await?;
                if taken { Ok(()) } else { Err("not everything was taken".into()) }
            }
        }
    }
}

fn client(provider: &Provider, middleware: GenAiMiddleware) -> Result<ClientWithMiddleware> {
    let http = reqwest::Client::builder().dns_resolver(Arc::new(Loopback(provider.address()))).build()?;
    Ok(ClientBuilder::new(http).with(middleware).build())
}

/// Every recorded host is the loopback server: the middleware sees the names, and nothing leaves the machine.
#[derive(Debug)]
struct Loopback(SocketAddr);

impl Resolve for Loopback {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}
