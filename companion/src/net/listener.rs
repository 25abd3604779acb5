//! One loop for every listener: connections within a number, TLS, timeouts, and a drain at the end.

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::connections::{Connections, Peer, Place};
use super::preface::PrefaceTimeout;

/// How long a peer may take for a TLS handshake, to show its version of HTTP, or for the headers of a request.
const SLOWEST_PEER: Duration = Duration::from_secs(10);
/// How often an idle HTTP/2 peer is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// Streams on one HTTP/2 connection: far more than a sender has on the way at a time.
const STREAMS: u32 = 64;
/// Bytes of requests a connection may have on the way before they are read.
const WINDOW: u32 = 1 << 20;
/// How long to wait when the system has no descriptor left for a connection.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(100);

/// A bound port that does not serve yet.
pub(crate) struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    connections: Connections,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("tcp", &self.tcp).field("tls", &self.tls.is_some()).finish()
    }
}

impl Listener {
    /// Binds `address`.
    ///
    /// # Errors
    /// When the address is taken, unknown or not permitted.
    pub(crate) async fn bind(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        connections: usize,
    ) -> std::io::Result<Self> {
        let tcp = TcpListener::bind(address).await?;
        Ok(Self { tcp, tls, connections: Connections::new(connections) })
    }

    /// The address bound, with the port the system chose for port 0.
    ///
    /// # Errors
    /// When the system does not tell.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Serves `router` until `stop`, then takes no more connections and returns when the requests at work are
    /// answered.
    pub(crate) async fn serve(self, router: Router, stop: CancellationToken) {
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.accept() => accepted,
            };
            let Some((stream, place)) = accepted else { continue };
            let (tls, router, watcher) = (self.tls.clone(), router.clone(), graceful.watcher());
            let stop = stop.clone();
            #[expect(
                clippy::disallowed_methods,
                reason = "a place bounds connections, and the graceful shutdown sees their end"
            )]
            tokio::spawn(async move {
                let peer = Arc::clone(&place.peer);
                let state = (place.connections().clone(), Arc::clone(&peer));
                let router = router.layer(middleware::from_fn_with_state(state, note));
                tokio::select! {
                    () = connection(stream, tls, router, watcher, stop) => {}
                    () = peer.displaced() => tracing::debug!("connection closed: others need its place, or it reads too slowly"),
                }
                drop(place);
            });
        }
        drop(self.tcp);
        graceful.shutdown().await;
    }

    async fn accept(&self) -> Option<(TcpStream, Place)> {
        match self.tcp.accept().await {
            Ok((stream, address)) => Some((stream, self.connections.take(address.ip()))),
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
                None
            }
        }
    }
}

/// Gives a request its connection, and notes that it was answered.
async fn note(
    State((connections, peer)): State<(Connections, Arc<Peer>)>,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(Arc::clone(&peer));
    let response = next.run(request).await;
    Place::answered(&connections, &peer);
    response
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    watcher: Watcher,
    stop: CancellationToken,
) {
    // Small answers must not wait for more; a failure only costs latency.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return http(stream, router, watcher).await };
    let handshake = tokio::select! {
        // No request can be at work before the handshake is done.
        () = stop.cancelled() => return,
        handshake = timeout(SLOWEST_PEER, tls.accept(stream)) => handshake,
    };
    match handshake {
        Ok(Ok(stream)) => http(stream, router, watcher).await,
        Ok(Err(error)) => tracing::debug!(%error, "tls handshake failed"),
        Err(_) => tracing::debug!("tls handshake timed out"),
    }
}

async fn http<S>(stream: S, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(SLOWEST_PEER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(SLOWEST_PEER)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    let stream = TokioIo::new(PrefaceTimeout::within(SLOWEST_PEER, stream));
    let served = builder.serve_connection(stream, TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(served.into_owned()).await {
        tracing::debug!(%error, "connection ended with an error");
    }
}
