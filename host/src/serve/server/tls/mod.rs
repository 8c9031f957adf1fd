//! TLS of a listener: what a handshake offers, and the certificates that it shows.
//!
//! The certificates, and the CAs of clients, can be replaced at any time: a connection keeps what its handshake has shown.

mod acme_challenge;
mod client_certificate;
mod counted_socket;
mod handshake;
mod tickets;

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use self::tickets::{BoundTickets, Tickets};
use crate::load::acme::Challenges;
use crate::load::certificates::CertificateSet;

pub(super) use self::client_certificate::ClientCertificateError;
pub(super) use self::counted_socket::{CountedSocket, Socket};
pub(super) use self::handshake::{Handshake, accept_tls};
pub use self::tickets::TicketSecret;

/// What clients may choose by ALPN (RFC 7301), the best first.
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// The TLS of a listener.
#[derive(Debug)]
pub struct Tls {
    http2: bool,
    tickets: Option<Arc<Tickets>>,
    current: ArcSwap<Current>,
    /// What CAs are answered that validate a name by a handshake; none without such orders.
    challenges: Option<Arc<Challenges>>,
}

/// What handshakes show that begin now.
#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    certificates: Arc<CertificateSet>,
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
        let tickets = tickets.map(|secret| Arc::new(Tickets::new(secret.clone(), listener)));
        let current = Current::new(certificates, http2, tickets.as_ref())?;
        Ok(Self {
            http2,
            tickets,
            current: ArcSwap::from_pointee(current),
            challenges: None,
        })
    }

    /// Answers CAs, too, that validate a name by a handshake.
    #[must_use]
    pub fn answering(self, challenges: Option<Arc<Challenges>>) -> Self {
        Self { challenges, ..self }
    }

    /// Shows these from the next handshake on.
    ///
    /// # Errors
    ///
    /// rustls refuses its own settings. Those before are shown.
    pub fn replace(&self, certificates: CertificateSet) -> Result<(), rustls::Error> {
        let current = Current::new(certificates, self.http2, self.tickets.as_ref())?;
        self.current.store(Arc::new(current));
        Ok(())
    }

    /// What it shows.
    pub fn certificates(&self) -> Arc<CertificateSet> {
        Arc::clone(&self.current.load().certificates)
    }

    fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }
}

impl Current {
    fn new(
        certificates: CertificateSet,
        http2: bool,
        tickets: Option<&Arc<Tickets>>,
    ) -> Result<Self, rustls::Error> {
        let certificates = Arc::new(certificates);
        // Named here, since another crate of the program may bring a second one.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let cas = certificates.client_cas();
        let builder = match cas {
            Some(cas) => builder.with_client_cert_verifier(Arc::clone(&cas.verifier)),
            None => builder.with_no_client_auth(),
        };
        let resolver = Resolver(Arc::clone(&certificates));
        let mut config = builder.with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = match http2 {
            true => vec![HTTP2.to_vec(), HTTP1.to_vec()],
            false => vec![HTTP1.to_vec()],
        };
        if let Some(tickets) = tickets {
            config.ticketer = Arc::new(BoundTickets {
                tickets: Arc::clone(tickets),
                clients: cas.map(|cas| cas.identity().to_vec()).unwrap_or_default(),
            });
        }
        Ok(Self {
            config: Arc::new(config),
            certificates,
        })
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

#[derive(Debug)]
struct Resolver(Arc<CertificateSet>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0
            .choose(hello.server_name(), hello.signature_schemes())
    }
}
