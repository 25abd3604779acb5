//! What every listener shares: connections, TLS, the preface timeout, the bearer token, and the check of the host.

pub(crate) mod connections;
pub(crate) mod host;
pub(crate) mod listener;
mod preface;
pub(crate) mod tls;
pub(crate) mod token;
