//! How a ClickHouse shows who it is: by a certificate of a public authority, or of one's own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clickhouse::Client;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::store::StoreError;

/// ClickHouse closes what was idle for three seconds.
const IDLE: Duration = Duration::from_secs(2);
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A client that trusts the certificates of the authority in this PEM file alone; without one, those of public authorities.
///
/// # Errors
/// When the file has no certificate.
pub(super) fn client(authority: Option<&Path>) -> Result<Client, StoreError> {
    let Some(path) = authority else { return Ok(Client::default()) };
    let refused = |detail: String| StoreError::Other {
        path: path.to_owned(),
        detail: format!("the certificate of ledger.clickhouse.ca_file cannot be used: {detail}"),
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| refused(error.to_string()))? {
        let certificate = certificate.map_err(|error| refused(error.to_string()))?;
        roots.add(certificate).map_err(|error| refused(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refused("it has none".to_owned()));
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut http = HttpConnector::new();
    http.set_keepalive(Some(KEEPALIVE));
    http.enforce_http(false);
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    let client = legacy::Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector);
    Ok(Client::with_http_client(client))
}
