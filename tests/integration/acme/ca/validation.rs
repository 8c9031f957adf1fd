//! How the CA validates a name: it asks the host, as RFC 8555 §8.3 and RFC 8737 say.

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use stackup_tests::Connection;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::Targets;

/// The object identifier of id-pe-acmeIdentifier.
const ACME_IDENTIFIER: &str = "1.3.6.1.5.5.7.1.31";

pub(super) struct Challenge {
    pub(super) domain: String,
    pub(super) token: String,
    pub(super) key_authorization: String,
    pub(super) kind: String,
}

impl Challenge {
    /// Asks the host, and says what is wrong.
    pub(super) async fn validate(&self, targets: &Targets) -> Result<(), String> {
        match self.kind.as_str() {
            "http-01" => self.by_request(&targets.http).await,
            _ => self.by_handshake(&targets.tls).await,
        }
    }

    async fn by_request(&self, target: &str) -> Result<(), String> {
        let mut connection = Connection::try_tcp(target)
            .await
            .map_err(|e| e.to_string())?;
        let path = format!("/.well-known/acme-challenge/{}", self.token);
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.domain);
        connection.send(request).await;
        let response = connection.response().await;
        match response.status() == 200 && response.text() == self.key_authorization {
            true => Ok(()),
            false => Err(format!("{}: {}", response.status(), response.text())),
        }
    }

    async fn by_handshake(&self, target: &str) -> Result<(), String> {
        let client = acme_client();
        let connected = Connection::tls(target, &self.domain, &client).await;
        let mut connection = connected.map_err(|error| error.to_string())?;
        let session = connection.session();
        if session.alpn_protocol() != Some(b"acme-tls/1") {
            return Err("the host has not chosen acme-tls/1".to_owned());
        }
        let chain = session.peer_certificates().unwrap_or_default();
        let [certificate] = chain else {
            return Err(format!("{} certificates", chain.len()));
        };
        self.check(certificate)?;
        // No application speaks in it.
        match connection.closes().await {
            true => Ok(()),
            false => Err("the connection stays open".to_owned()),
        }
    }

    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), String> {
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|e| e.to_string())?;
        let names = parsed
            .subject_alternative_name()
            .map_err(|e| e.to_string())?;
        let names = names.map(|names| names.value.general_names.clone());
        if names != Some(vec![GeneralName::DNSName(&self.domain)]) {
            return Err(format!("its names are {names:?}"));
        }
        let mut extensions = parsed.extensions().iter();
        let identifier = extensions.find(|one| one.oid.to_id_string() == ACME_IDENTIFIER);
        let identifier = identifier.ok_or("there is no acmeIdentifier")?;
        // An OCTET STRING of 32 bytes.
        let mut wanted = vec![4, 32];
        wanted.extend(digest(&SHA256, self.key_authorization.as_bytes()).as_ref());
        match identifier.critical && identifier.value == wanted {
            true => Ok(()),
            false => Err("its acmeIdentifier is another, or not critical".to_owned()),
        }
    }
}

/// A client that accepts any certificate, and speaks acme-tls/1.
pub(in crate::acme) fn acme_client() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])
        .expect("versions");
    let verifier = Arc::new(AnyCertificate(provider));
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    Arc::new(config)
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("it speaks TLS 1.3 alone".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        // Rustls refuses to read the certificate: it has a critical extension that is not known there.
        let parsed = X509Certificate::from_der(certificate);
        let (_, parsed) = parsed.map_err(|error| rustls::Error::General(error.to_string()))?;
        let key = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
        verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
