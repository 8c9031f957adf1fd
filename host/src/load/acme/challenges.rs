//! What a CA is answered that validates a name. It may connect to any worker, so the answers are files.

use checked_file::Trust;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::{AcmeFolder, AcmeFolderError};
use crate::load::manifest::{Acme, AcmeChallenge, ListenProtocols};

/// The longest token that is looked up. CAs use 43 characters.
const TOKEN_MAX: usize = 128;

/// A challenge that a CA has been told to try.
#[derive(Debug)]
pub enum PendingChallenge<'a> {
    /// The key authorization of a token (RFC 8555 §8.3).
    Http01 {
        /// By which the CA asks.
        token: &'a str,
        /// What it gets.
        key_authorization: &'a str,
    },
    /// A certificate for a name, and its key, as PEM (RFC 8737).
    TlsAlpn01 {
        /// The name.
        domain: &'a str,
        /// What its handshake shows.
        certificate: &'a str,
    },
}

impl PendingChallenge<'_> {
    /// Has all workers answer it.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    pub fn begin(&self, folder: &AcmeFolder) -> Result<(), AcmeFolderError> {
        match self {
            Self::Http01 {
                token,
                key_authorization,
            } => folder.write(&http_file(token), key_authorization),
            Self::TlsAlpn01 {
                domain,
                certificate,
            } => folder.write(&tls_file(domain), certificate),
        }
    }

    /// Has nobody answer any of this folder.
    ///
    /// # Errors
    ///
    /// The files can't be removed.
    pub fn end_all(folder: &AcmeFolder) -> Result<(), AcmeFolderError> {
        folder.remove("http-01")?;
        folder.remove("tls-alpn-01")
    }
}

fn http_file(token: &str) -> String {
    format!("http-01/{token}")
}

fn tls_file(domain: &str) -> String {
    format!("tls-alpn-01/{domain}.pem")
}

/// Where the answers of one listener are. Reading them blocks.
#[derive(Debug, Clone)]
pub struct Challenges {
    folders: Vec<AcmeFolder>,
    /// The names that a CA may ask for; others touch no file.
    domains: Vec<String>,
}

impl Challenges {
    /// Those of this kind that `listeners` order certificates by; none if they don't. Folders are relative to `folder`.
    pub fn of<'a>(
        kind: AcmeChallenge,
        listeners: impl IntoIterator<Item = &'a ListenProtocols>,
        folder: &std::path::Path,
        trust: Trust,
    ) -> Option<Self> {
        let tls = listeners.into_iter().filter_map(|one| one.tls.as_ref());
        let files = tls.flat_map(|tls| &tls.certificates);
        let orders = files.filter_map(|files| files.acme.as_ref());
        let orders: Vec<&Acme> = orders.filter(|acme| acme.challenge == kind).collect();
        let mut paths: Vec<_> = orders
            .iter()
            .map(|acme| folder.join(acme.folder()))
            .collect();
        paths.sort();
        paths.dedup();
        let folders = paths.into_iter().map(|path| AcmeFolder::new(path, trust));
        let domains = orders.iter().flat_map(|acme| acme.domains.clone());
        let all = Self {
            folders: folders.collect(),
            domains: domains.collect(),
        };
        (!all.folders.is_empty()).then_some(all)
    }

    /// The key authorization of a token, while a CA is to ask for it.
    pub fn key_authorization(&self, token: &str) -> Option<String> {
        let is_token = (1..=TOKEN_MAX).contains(&token.len())
            && token
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        self.read(&http_file(is_token.then_some(token)?))
    }

    /// Whether a CA might ask for this name.
    pub fn are_for(&self, domain: &str) -> bool {
        self.domains.iter().any(|one| one == domain)
    }

    /// The certificate that answers for a name, while a CA is to ask for it.
    pub fn certificate(&self, domain: &str) -> Option<CertifiedKey> {
        if !self.are_for(domain) {
            return None;
        }
        let text = self.read(&tls_file(domain))?;
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).ok()?;
        let provider = rustls::crypto::ring::default_provider();
        let key = provider.key_provider.load_private_key(key).ok()?;
        // Without the checks of `from_der`: they refuse the extension, which is critical.
        Some(CertifiedKey::new(vec![certificate], key))
    }

    fn read(&self, file: &str) -> Option<String> {
        let mut read = self.folders.iter().map(|folder| folder.read(file));
        read.find_map(|read| match read {
            Ok(text) => text,
            Err(error) => {
                tracing::warn!(event = "acme", "{error}");
                None
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CustomExtension, KeyPair};

    use super::*;

    #[test]
    fn only_tokens_and_names_of_orders_lead_to_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("ca.test");
        let folder = AcmeFolder::new(path, Trust::Owner);
        let challenges = Challenges {
            folders: vec![folder.clone()],
            domains: vec!["a.test".into()],
        };
        folder.write("account.json", "secret").unwrap();
        let token = PendingChallenge::Http01 {
            token: "abc-_1",
            key_authorization: "abc-_1.print",
        };
        token.begin(&folder).unwrap();
        let read = |token: &str| challenges.key_authorization(token);
        assert_eq!(read("abc-_1").as_deref(), Some("abc-_1.print"));
        let long = "a".repeat(TOKEN_MAX + 1);
        for wrong in ["", "abc", "../account.json", "..", "/etc/passwd", &long] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["a.test".to_owned()]).unwrap();
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(&[7; 32])];
        let certificate = params.self_signed(&key).unwrap();
        let certificate = certificate.pem() + &key.serialize_pem();
        for domain in ["a.test", "b.test"] {
            let certificate = &certificate;
            let pending = PendingChallenge::TlsAlpn01 {
                domain,
                certificate,
            };
            pending.begin(&folder).unwrap();
        }
        assert!(challenges.certificate("a.test").is_some());
        assert!(
            challenges.certificate("b.test").is_none(),
            "nobody orders it here"
        );
        PendingChallenge::end_all(&folder).unwrap();
        assert!(challenges.certificate("a.test").is_none());
        assert_eq!(read("abc-_1"), None);
    }
}
