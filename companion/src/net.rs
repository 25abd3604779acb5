//! What every listener shares: connections, TLS, the preface timeout, responses on their way, the bearer token,
//! and the check of the host.

pub(crate) mod connections;
pub(crate) mod host;
pub(crate) mod listener;
pub(crate) mod outgoing;
mod preface;
pub(crate) mod tls;
pub(crate) mod token;
