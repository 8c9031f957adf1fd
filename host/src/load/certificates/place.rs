//! Where the certificates of listeners are, and whose files to accept.

use std::path::PathBuf;
use std::time::SystemTime;

use checked_file::Trust;

use super::read::{read, read_client_cas};
use super::{CertificateError, CertificateSet};
use crate::load::manifest::ListenTls;

/// Where certificates are, and whose files to accept.
#[derive(Debug, Clone)]
pub struct CertificatePlace {
    /// The manifest's folder, with the links by which it is reached: they may be turned.
    pub folder: PathBuf,
    /// Whose files.
    pub trust: Trust,
}

impl CertificatePlace {
    /// Reads the certificates of a listener, and the CAs of its clients; each must be valid now.
    ///
    /// # Errors
    ///
    /// The first that can't be used, and which of them: the CAs come after the listener's own.
    pub fn read(&self, tls: &ListenTls) -> Result<CertificateSet, (usize, CertificateError)> {
        let now = SystemTime::now();
        let mut all = Vec::new();
        for files in &tls.certificates {
            let read = read(files, &self.folder, self.trust)
                .and_then(|certificate| certificate.check_time(now).map(|()| certificate));
            all.push(read.map_err(|error| (all.len(), error))?);
        }
        let set = CertificateSet::new(all);
        let Some(auth) = &tls.client_auth else {
            return Ok(set);
        };
        let cas = read_client_cas(auth, &self.folder, self.trust)
            .and_then(|cas| cas.check_time(now).map(|()| cas))
            .map_err(|error| (tls.certificates.len(), error))?;
        Ok(set.with_client_cas(Some(cas)))
    }
}
