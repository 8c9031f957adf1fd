//! The certificates of one listener, and which of them a client gets.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::SignatureScheme;
use rustls::sign::CertifiedKey;

use super::read::shown;
use super::{Certificate, ClientCas};
use crate::load::manifest::ListenTls;

/// The certificates of one listener, in the order of the manifest: at least one, unless stackup is still to order them.
#[derive(Debug)]
pub struct CertificateSet {
    all: Vec<Certificate>,
    /// By each name, wildcards as they are written.
    by_name: HashMap<String, Vec<usize>>,
    client_cas: Option<ClientCas>,
}

impl CertificateSet {
    /// Those of a listener.
    pub fn new(all: Vec<Certificate>) -> Self {
        let mut by_name = HashMap::<_, Vec<_>>::new();
        for (index, certificate) in all.iter().enumerate() {
            for name in &certificate.names {
                by_name.entry(name.clone()).or_default().push(index);
            }
        }
        Self {
            all,
            by_name,
            client_cas: None,
        }
    }

    /// With the CAs of the certificates that clients show.
    #[must_use]
    pub fn with_client_cas(self, client_cas: Option<ClientCas>) -> Self {
        Self { client_cas, ..self }
    }

    /// With those of `before` whose files stackup writes, and which are missing here: they may have been removed so that it orders them anew.
    #[must_use]
    pub fn or_ordered(self, before: &Self, tls: &ListenTls) -> Self {
        let mut all = Vec::new();
        for files in &tls.certificates {
            let file = shown(&files.cert);
            let of = |set: &Self| set.all.iter().find(|one| one.file == file).cloned();
            let before = || files.acme.as_ref().and_then(|_| of(before));
            all.extend(of(&self).or_else(before));
        }
        Self::new(all).with_client_cas(self.client_cas)
    }

    /// The CAs of clients, if those show certificates.
    pub fn client_cas(&self) -> Option<&ClientCas> {
        self.client_cas.as_ref()
    }

    /// Until when all of it is valid, and the file that ends first.
    pub fn first_end(&self) -> Option<(SystemTime, &str)> {
        let own = self.all.iter().map(|one| (one.expires, &*one.file));
        let cas = self.client_cas.iter().map(|cas| (cas.expires, &*cas.file));
        own.chain(cas).min_by_key(|(expires, _)| *expires)
    }

    /// All of them.
    pub fn all(&self) -> &[Certificate] {
        &self.all
    }

    /// The certificate for a server name (SNI), whose key makes a signature that the client knows, if there is one: sites
    /// may have one of RSA and one of ECDSA. The first of all for no name, and for one that none has.
    pub fn choose(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let named = name.and_then(|name| self.named(&name.to_ascii_lowercase()));
        let fits = |index: &&usize| {
            let key = &self.all[**index].key.key;
            key.choose_scheme(schemes).is_some()
        };
        let index = match named {
            Some(named) => named.iter().find(fits).or(named.first()).copied(),
            None => (0..self.all.len()).find(|index| fits(&index)),
        };
        let chosen = self.all.get(index.unwrap_or_default())?;
        Some(Arc::clone(&chosen.key))
    }

    /// Those with this name, or with a wildcard in place of its first label (RFC 6125 §6.4.3).
    fn named(&self, name: &str) -> Option<&Vec<usize>> {
        self.by_name.get(name).or_else(|| {
            let (_, domain) = name.split_once('.')?;
            self.by_name.get(&format!("*.{domain}"))
        })
    }
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
