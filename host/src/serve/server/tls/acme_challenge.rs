//! Handshakes of CAs that validate a name (tls-alpn-01, RFC 8737), on listeners that order certificates so.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{Acceptor, ClientHello};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::Current;
use super::counted_socket::{CountedSocket, Socket};
use crate::load::acme::Challenges;
use crate::serve::server::begin::BeginError;

/// The one protocol that such a CA offers by ALPN (RFC 8737 §6.2).
const ACME_TLS1: &[u8] = b"acme-tls/1";

/// The peer of an accepted connection.
pub(super) enum Either {
    /// A client, with its handshake.
    Client(Box<Result<TlsStream<CountedSocket>, (io::Error, CountedSocket)>>),
    /// A CA, whose handshake is done.
    Ca(Box<dyn Socket>),
}

/// Reads what the client offers first: a CA is shown the certificate of its challenge, and is asked for none of its own.
pub(super) async fn accept_either(
    socket: CountedSocket,
    current: &Arc<Current>,
    challenges: &Arc<Challenges>,
) -> Result<Either, BeginError> {
    let begun = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
    let Some(domain) = asked(&begun.client_hello()) else {
        let config = Arc::clone(&current.config);
        let accepted = begun.into_stream(config).into_fallible().await;
        return Ok(Either::Client(Box::new(accepted)));
    };
    let Some(certificate) = certificate(&domain, challenges).await else {
        return Err(BeginError::NoChallenge(domain));
    };
    let config = config(certificate).map_err(io::Error::other)?;
    let stream = begun.into_stream(Arc::new(config)).await?;
    tracing::debug!("a CA has validated `{domain}`");
    Ok(Either::Ca(Box::new(stream)))
}

/// The name that a CA asks for, if it is one.
fn asked(hello: &ClientHello<'_>) -> Option<String> {
    let mut protocols = hello.alpn()?;
    let is_ca = protocols.next() == Some(ACME_TLS1) && protocols.next().is_none();
    let name = hello.server_name().filter(|_| is_ca)?;
    Some(name.to_ascii_lowercase())
}

async fn certificate(domain: &str, challenges: &Arc<Challenges>) -> Option<CertifiedKey> {
    if !challenges.are_for(domain) {
        return None;
    }
    let (challenges, domain) = (Arc::clone(challenges), domain.to_owned());
    // It reads a file.
    let found = tokio::task::spawn_blocking(move || challenges.certificate(&domain)).await;
    found.ok().flatten()
}

fn config(certificate: CertifiedKey) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let resolver = Arc::new(SingleCertAndKey::from(certificate));
    let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
    config.alpn_protocols = vec![ACME_TLS1.to_vec()];
    // Nobody resumes it.
    config.send_tls13_tickets = 0;
    Ok(config)
}
