//! Where the certificates of listeners are, and whose files to accept.

use std::path::PathBuf;
use std::time::SystemTime;

use checked_file::{ReadError, Trust, check_search_dir};

use super::read::{read, read_client_cas, read_roots, shown};
use super::{Certificate, CertificateError, CertificateSet};
use crate::load::manifest::{Acme, CertificateFiles, ListenTls};

/// Where certificates are, and whose files to accept.
#[derive(Debug, Clone)]
pub struct CertificatePlace {
    /// The manifest's folder, with the links by which it is reached: they may be turned.
    pub folder: PathBuf,
    /// Whose files.
    pub trust: Trust,
}

impl CertificatePlace {
    /// Reads the certificates of a listener, and the CAs of its clients; each must be valid now. Without those that stackup is still to order.
    ///
    /// # Errors
    ///
    /// The first that can't be used, and which of them: the CAs come after the listener's own.
    pub fn read(&self, tls: &ListenTls) -> Result<CertificateSet, (usize, CertificateError)> {
        let now = SystemTime::now();
        let mut all = Vec::new();
        for (index, files) in tls.certificates.iter().enumerate() {
            let read = match &files.acme {
                None => self.read_valid(files, now).map(Some),
                Some(acme) => self.read_ordered(files, acme, now),
            };
            all.extend(read.map_err(|error| (index, error))?);
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

    fn read_valid(
        &self,
        files: &CertificateFiles,
        now: SystemTime,
    ) -> Result<Certificate, CertificateError> {
        let certificate = read(files, &self.folder, self.trust)?;
        certificate.check_time(now).map(|()| certificate)
    }

    /// Reads one that stackup orders; none before the first, and after its end.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_ordered(
        &self,
        files: &CertificateFiles,
        acme: &Acme,
        now: SystemTime,
    ) -> Result<Option<Certificate>, CertificateError> {
        if let Some(ca) = &acme.ca {
            read_roots(ca, &self.folder, self.trust)?;
        }
        let folder = acme.folder();
        if self.trust == Trust::Owner {
            // Whoever can put a certificate there can have it served.
            let checked = check_search_dir(&self.folder.join(&folder));
            checked.map_err(|error| CertificateError::Unreadable {
                file: shown(&folder),
                error,
            })?;
        }
        match self.read_valid(files, now) {
            Ok(certificate) => Ok(Some(certificate)),
            Err(CertificateError::Expired { .. }) => Ok(None),
            Err(CertificateError::Unreadable {
                error: ReadError::Io(error),
                ..
            }) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The certificates that the CA's own server is trusted by, as PEM; none for those of the system.
    ///
    /// # Errors
    ///
    /// The file has none, or others can change it.
    pub fn read_acme_roots(&self, acme: &Acme) -> Result<Option<String>, CertificateError> {
        let ca = acme.ca.as_ref();
        ca.map(|ca| read_roots(ca, &self.folder, self.trust))
            .transpose()
    }
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
