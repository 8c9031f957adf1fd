//! The CAs whose certificates the clients of a listener show.

use std::sync::Arc;
use std::time::SystemTime;

use ring::digest::{SHA256, digest};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::CertificateError;
use super::distinguished_name::distinguished_name;
use super::read::{shown, validity};
use crate::load::manifest::ClientAuth;

/// The CAs of clients' certificates, and what verifies those.
#[derive(Debug, Clone)]
pub struct ClientCas {
    /// Verifies a client's certificate; says whether one is required.
    pub verifier: Arc<dyn ClientCertVerifier>,
    /// The subject of each.
    pub subjects: Vec<String>,
    /// From when all are valid.
    pub(super) begins: SystemTime,
    /// Until when all are valid.
    pub expires: SystemTime,
    /// Their file, as the manifest names it.
    pub file: String,
    /// What was read.
    pub(super) text: Arc<str>,
}

impl ClientCas {
    /// Those in the text of the file.
    ///
    /// # Errors
    ///
    /// It has none, one is damaged, or one is of no CA.
    pub(super) fn parse(auth: &ClientAuth, text: &str) -> Result<Self, CertificateError> {
        let file = shown(&auth.ca);
        let damaged = |reason: String| CertificateError::Damaged {
            file: file.clone(),
            reason,
        };
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| damaged(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        let (mut subjects, mut times) = (Vec::new(), Vec::new());
        for certificate in certificates {
            let (_, parsed) =
                X509Certificate::from_der(&certificate).map_err(|e| damaged(e.to_string()))?;
            let subject = distinguished_name(parsed.subject());
            // What has signed itself may be of a client that is known by it, or of a CA from before there was the flag.
            if !parsed.is_ca() && parsed.subject() != parsed.issuer() {
                return Err(CertificateError::NoCa { file, subject });
            }
            times.push(validity(&parsed).map_err(damaged)?);
            subjects.push(subject);
            roots
                .add(certificate)
                .map_err(|error| damaged(error.to_string()))?;
        }
        let begins = times.iter().map(|(begins, _)| *begins).max();
        let expires = times.iter().map(|(_, expires)| *expires).min();
        let Some((begins, expires)) = begins.zip(expires) else {
            return Err(CertificateError::NoClientCa {
                file,
                has_key: text.contains("PRIVATE KEY-----"),
            });
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        let verifier = match auth.required {
            true => verifier,
            false => verifier.allow_unauthenticated(),
        };
        Ok(Self {
            verifier: verifier.build().map_err(|e| damaged(e.to_string()))?,
            subjects,
            begins,
            expires,
            file,
            text: text.into(),
        })
    }

    /// Tells them from others: sessions that began with other CAs are not to be resumed.
    pub fn identity(&self) -> [u8; 32] {
        let mut identity = [0; 32];
        let digest = digest(&SHA256, self.text.as_bytes());
        identity.copy_from_slice(digest.as_ref());
        identity
    }
}

#[cfg(test)]
#[path = "client_cas_tests.rs"]
mod tests;
