//! Certificates that have served, for a worker that finds worse ones on the disk.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::read::parse;
use super::{CertificateError, CertificateSet, ClientCas};
use crate::load::manifest::ListenTls;

/// What was in the files of a certificate.
#[derive(Clone, Serialize, Deserialize)]
pub struct CertificateText {
    /// The certificate and those of its CAs, as PEM.
    pub(super) chain: String,
    /// Its private key, as PEM.
    pub(super) secret: String,
}

impl fmt::Debug for CertificateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateText").finish_non_exhaustive()
    }
}

/// The certificates that a listener has shown last.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptCertificates {
    tls: ListenTls,
    texts: Vec<CertificateText>,
    /// The certificates of clients' CAs, as PEM.
    #[serde(default)]
    client_cas: Option<String>,
}

impl KeptCertificates {
    /// Those of a listener.
    pub fn new(tls: ListenTls, set: &CertificateSet) -> Self {
        let texts = set
            .all()
            .iter()
            .map(|one| CertificateText::clone(&one.text))
            .collect();
        let client_cas = set.client_cas().map(|cas| cas.text.to_string());
        Self {
            tls,
            texts,
            client_cas,
        }
    }

    /// Whether they are for this listener.
    pub fn are_of(&self, tls: &ListenTls) -> bool {
        self.tls == *tls
            && self.texts.len() == tls.certificates.len()
            && self.client_cas.is_some() == tls.client_auth.is_some()
    }

    /// Reads them again.
    ///
    /// # Errors
    ///
    /// They were kept by another version of stackup, which accepts more than this one.
    pub fn read(&self) -> Result<CertificateSet, CertificateError> {
        let pairs = self.tls.certificates.iter().zip(&self.texts);
        let all = pairs.map(|(files, text)| parse(files, text.clone()));
        let set = CertificateSet::new(all.collect::<Result<_, _>>()?);
        let cas = self.tls.client_auth.as_ref().zip(self.client_cas.as_ref());
        let cas = cas.map(|(auth, text)| ClientCas::parse(auth, text));
        Ok(set.with_client_cas(cas.transpose()?))
    }
}
