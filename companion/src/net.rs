//! What every listener shares: connections, TLS, the preface timeout, the bearer token, and the check of the host.

pub(crate) mod host;
pub mod listener;
mod preface;
pub mod tls;
pub mod token;
