//! TLS of a listener: what a handshake offers, and the certificates that it shows.
//!
//! The certificates can be replaced at any time: a connection keeps what its handshake has shown.

mod counted_socket;
mod handshake;
mod tickets;

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use self::tickets::Tickets;
use crate::load::certificates::CertificateSet;

pub(super) use self::counted_socket::{CountedSocket, Socket};
pub(super) use self::handshake::{Handshake, accept_tls};
pub use self::tickets::TicketSecret;

/// What clients may choose by ALPN (RFC 7301), the best first.
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// The TLS of a listener.
#[derive(Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
}

impl Tls {
    /// Shows `certificates`, and offers HTTP/2 if it is `http2`. Its session tickets are for `listener` alone, in every
    /// worker that has the same secret.
    ///
    /// # Errors
    ///
    /// rustls refuses its own settings.
    pub fn new(
        certificates: CertificateSet,
        http2: bool,
        tickets: Option<&TicketSecret>,
        listener: &str,
    ) -> Result<Self, rustls::Error> {
        let certificates = Arc::new(Certificates(ArcSwap::from_pointee(certificates)));
        // Named here, since another crate of the program may bring a second one.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let resolver = Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = match http2 {
            true => vec![HTTP2.to_vec(), HTTP1.to_vec()],
            false => vec![HTTP1.to_vec()],
        };
        if let Some(secret) = tickets {
            config.ticketer = Arc::new(Tickets::new(secret.clone(), listener));
        }
        Ok(Self {
            config: Arc::new(config),
            certificates,
        })
    }

    /// Shows these from the next handshake on.
    pub fn replace(&self, certificates: CertificateSet) {
        self.certificates.0.store(Arc::new(certificates));
    }

    /// What it shows.
    pub fn certificates(&self) -> Arc<CertificateSet> {
        self.certificates.0.load_full()
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

#[derive(Debug)]
struct Certificates(ArcSwap<CertificateSet>);

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certificates = self.0.load();
        certificates.choose(hello.server_name(), hello.signature_schemes())
    }
}
