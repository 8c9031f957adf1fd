//! The certificates of one listener, and which of them a client gets.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::sign::CertifiedKey;

use super::Certificate;

/// The certificates of one listener: at least one, in the order of the manifest.
#[derive(Debug)]
pub struct CertificateSet {
    all: Vec<Certificate>,
    /// By each name, wildcards as they are written.
    by_name: HashMap<String, Vec<usize>>,
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
        Self { all, by_name }
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
