//! Connections to other servers: TCP, TLS over it, or a unix socket.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::net::{TcpStream, UnixStream};
use tower_service::Service;

use super::counter::Counter;
use super::resolver::Resolver;
use super::server::{Server, tcp_target};
use super::stream::{ClientStream, Transport};
use super::tls::TlsClient;

/// The longest attempt to connect, also where nobody waits for it any more.
const LONGEST: Duration = Duration::from_secs(30);

/// How long a connection over TCP is silent before the system asks whether the server is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Makes the connections of one plugin.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector<Resolver>,
    open: Arc<Counter>,
}

/// Why there is no connection.
pub(super) type ConnectError = Box<dyn StdError + Send + Sync>;

impl Connector {
    /// Counts those that are open in `open`.
    pub(super) fn new(resolver: Resolver, open: Arc<Counter>) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        Self { tcp, open }
    }

    /// Connects to `server`, by `tls` if need be.
    ///
    /// # Errors
    ///
    /// There is no connection, or none in time.
    pub(super) async fn connect(
        self,
        server: &Server,
        tls: &TlsClient,
    ) -> Result<ClientStream, ConnectError> {
        let connected = tokio::time::timeout(LONGEST, self.transport(server, tls)).await;
        let transport = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(ClientStream::new(transport, self.open.add()))
    }

    async fn transport(&self, server: &Server, tls: &TlsClient) -> Result<Transport, ConnectError> {
        Ok(match server {
            Server::Unix(socket) => Transport::Unix(UnixStream::connect(socket).await?),
            Server::Tcp(authority) => Transport::Tcp(self.tcp(authority, 80).await?),
            Server::Tls(server) => {
                let stream = self.tcp(&server.authority, 443).await?;
                Transport::Tls(Box::new(tls.connect(server, stream).await?))
            }
        })
    }

    async fn tcp(&self, authority: &Authority, port: u16) -> Result<TcpStream, ConnectError> {
        let target = tcp_target(authority, port)?;
        Ok(self.tcp.clone().call(target).await?.into_inner())
    }
}
