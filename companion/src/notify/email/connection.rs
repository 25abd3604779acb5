//! The connection to a mail server. What the server says is bounded in bytes and in time: a response is a few lines, and
//! lines of a hostile or broken server have no end.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Code;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// To connect, and for the handshake of TLS.
const CONNECT: Duration = Duration::from_secs(10);
/// From the connection to the last response.
const WHOLE: Duration = Duration::from_secs(60);
/// Bytes that the server may send in one connection.
const MOST: usize = 256 * 1024;

/// How the connection is secured.
pub(super) enum Secured {
    /// Not at all.
    Plain,
    /// After a command.
    Starttls(TlsParameters),
    /// From the first byte.
    Tls(TlsConnector, ServerName<'static>),
}

/// A mail server.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) secured: Secured,
    pub(super) login: Option<Credentials>,
}

/// Why a mail was not taken.
#[derive(Debug)]
pub(super) enum Refused {
    /// The server or its protocol.
    Smtp(smtp::Error),
    /// The way to it.
    Io(io::Error),
}

impl Refused {
    /// Whether it is the server's last word.
    pub(super) fn is_permanent(&self) -> bool {
        matches!(self, Self::Smtp(error) if error.is_permanent())
    }

    /// The code of the response, if there was one.
    pub(super) fn status(&self) -> Option<Code> {
        match self {
            Self::Smtp(error) => error.status(),
            Self::Io(_) => None,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Smtp(error) => error.source(),
            Self::Io(_) => None,
        }
    }
}

impl From<smtp::Error> for Refused {
    fn from(error: smtp::Error) -> Self {
        Self::Smtp(error)
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Server {
    /// Sends one mail over a connection of its own.
    pub(super) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), Refused> {
        within(WHOLE, async {
            let mut connection = self.connect().await?;
            if let Some(login) = &self.login {
                connection.auth(DEFAULT_MECHANISMS, login).await?;
            }
            connection.send(envelope, mail).await?;
            // It is sent, whatever the server says to the farewell.
            let _ = connection.quit().await;
            Ok(())
        })
        .await
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Refused> {
        let hello = ClientId::default();
        let stream = within(CONNECT, async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            let peer = stream.peer_addr()?;
            Ok::<Box<dyn AsyncTokioStream>, Refused>(match &self.secured {
                Secured::Tls(connector, name) => {
                    Box::new(Bounded::new(connector.connect(name.clone(), stream).await?, peer))
                }
                _ => Box::new(Bounded::new(stream, peer)),
            })
        });
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream.await?, &hello).await?;
        if let Secured::Starttls(parameters) = &self.secured {
            connection.starttls(parameters.clone(), &hello).await?;
        }
        Ok(connection)
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, Refused>>) -> Result<T, Refused> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no response within {} s", time.as_secs()));
    timeout(time, work).await.unwrap_or_else(|_| Err(late().into()))
}

/// What opens TLS from the first byte. Trusts the public authorities, and those of `ca`.
pub(super) fn connector(ca: Option<&Path>) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca {
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| format!("ca_file {}: {error}", path.display()))?;
        if roots.add_parsable_certificates(certificates).0 == 0 {
            return Err("ca_file: no certificate".to_owned());
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A stream from which no more than [`MOST`] bytes are read.
struct Bounded<S> {
    stream: S,
    peer: SocketAddr,
    left: usize,
}

impl<S> Bounded<S> {
    const fn new(stream: S, peer: SocketAddr) -> Self {
        Self { stream, peer, left: MOST }
    }
}

impl<S> fmt::Debug for Bounded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> AsyncTokioStream for Bounded<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let more = buffer.filled().len() - before;
        match self.left.checked_sub(more) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Err(io::Error::other(format!("sent more than {MOST} bytes")))),
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use lettre::Address;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_server_whose_line_has_no_end_is_left_after_some_bytes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let endless = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            let mut sent: usize = 4;
            peer.write_all(b"220 ").await.unwrap();
            // Until the other end is gone.
            while peer.write_all(&[b'x'; 16 * 1024]).await.is_ok() {
                sent += 16 * 1024;
            }
            sent
        });
        let server = Server { host: "127.0.0.1".to_owned(), port, secured: Secured::Plain, login: None };
        let address: Address = "ann@example.com".parse().unwrap();
        let envelope = Envelope::new(Some(address.clone()), vec![address]).unwrap();
        let refused = server.send(&envelope, b"hello").await.unwrap_err();
        assert!(!refused.is_permanent(), "{refused}");
        let sent = endless.await.unwrap();
        // The kernel's buffers come on top.
        assert!(sent < 32 * 1024 * 1024, "{sent}");
    }
}
