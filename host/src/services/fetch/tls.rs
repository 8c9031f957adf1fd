//! TLS to other servers: whom to trust, and what to say if a server can't be.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::server::TlsServer;

/// The TLS of one server's connections: they share its sessions.
#[derive(Default)]
pub(super) struct TlsClient(OnceCell<TlsConnector>);

/// Why there is no connection by TLS.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("`{0}` is no name that a certificate can have")]
    Name(String),
    #[error("the certificates to trust are no PEM: {0}")]
    Pem(String),
    #[error("the file of certificates to trust has none")]
    Empty,
    #[error(
        "this system has no certificates of CAs: install its package of them (`ca-certificates`), or name those to trust{0}"
    )]
    NoPlatformRoots(String),
    #[error(
        "the server's certificate is of no CA that is trusted here: if it is your own CA, name its certificate as the one to \
         trust (`ca` in a proxy's config)"
    )]
    UnknownIssuer,
    #[error("{0}: the server at `{1}` must have a certificate with this name")]
    OtherName(String, String),
    #[error("{0}: renew it on the server, and check the clocks of both")]
    Time(String),
    #[error("TLS: {0}")]
    Other(String),
}

impl TlsClient {
    /// Begins TLS on a connection to `server`.
    ///
    /// # Errors
    ///
    /// The server is not the one, or there are no certificates to tell by.
    pub(super) async fn connect(
        &self,
        server: &TlsServer,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, TlsError> {
        let connector = self.0.get_or_try_init(|| connector(server)).await?;
        let host = server.authority.host();
        let name = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let Ok(parsed) = ServerName::try_from(name.clone()) else {
            return Err(TlsError::Name(name));
        };
        let connecting = connector.connect(parsed, stream);
        connecting.await.map_err(|error| explain(&error, name))
    }
}

/// What `server` is trusted by.
async fn connector(server: &TlsServer) -> Result<TlsConnector, TlsError> {
    let roots = match &server.roots {
        Some(pem) => Arc::new(read_roots(pem)?),
        None => platform_roots().await?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| TlsError::Other(error.to_string()))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = match server.is_http1 {
        true => vec![b"http/1.1".to_vec()],
        false => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn read_roots(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let added = certificate.map_err(|error| TlsError::Pem(error.to_string()))?;
        let added = roots.add(added);
        added.map_err(|error| TlsError::Pem(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(TlsError::Empty),
        false => Ok(roots),
    }
}

/// What the platform trusts, read once.
async fn platform_roots() -> Result<Arc<RootCertStore>, TlsError> {
    static READ: OnceLock<(Arc<RootCertStore>, String)> = OnceLock::new();
    let read = || {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        let errors = found.errors.iter().map(|error| format!("; {error}"));
        (Arc::new(roots), errors.collect::<String>())
    };
    // It reads a hundred files.
    let read = tokio::task::spawn_blocking(move || READ.get_or_init(read)).await;
    match read {
        Ok((roots, errors)) if roots.is_empty() => Err(TlsError::NoPlatformRoots(errors.clone())),
        Ok((roots, _)) => Ok(Arc::clone(roots)),
        Err(error) => Err(TlsError::Other(error.to_string())),
    }
}

fn explain(error: &io::Error, name: String) -> TlsError {
    let inner = error.get_ref();
    let inner = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(why)) = inner else {
        return TlsError::Other(error.to_string());
    };
    match why {
        CertificateError::UnknownIssuer => TlsError::UnknownIssuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsError::OtherName(why.to_string(), name)
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => TlsError::Time(why.to_string()),
        other => TlsError::Other(format!("the server's certificate is refused: {other}")),
    }
}
