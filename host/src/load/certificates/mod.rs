//! The certificates of listeners: from PEM files to what the server shows. Knows no connections.

mod error;
mod kept;
mod read;
mod set;

use std::sync::Arc;
use std::time::SystemTime;

use rustls::sign::CertifiedKey;

pub use self::error::{CertificateError, certificate_diagnostic};
pub use self::kept::{CertificateText, KeptCertificates};
pub use self::read::{files_of, read};
pub use self::set::CertificateSet;

/// A certificate with its private key.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// What rustls shows and signs with.
    pub key: Arc<CertifiedKey>,
    /// The DNS names that it is for, in lower case, `*.example.com` among them.
    pub names: Vec<String>,
    /// From when it is valid.
    pub begins: SystemTime,
    /// Until when it is valid.
    pub expires: SystemTime,
    /// Its file, as the manifest names it.
    pub file: String,
    /// What was read.
    pub text: Arc<CertificateText>,
}

impl Certificate {
    /// Whether it is valid at `now`.
    ///
    /// # Errors
    ///
    /// It has expired, or begins later.
    pub fn check_time(&self, now: SystemTime) -> Result<(), CertificateError> {
        if self.expires < now {
            return Err(CertificateError::Expired {
                file: self.file.clone(),
                since: self.expires.into(),
            });
        }
        if self.begins > now {
            return Err(CertificateError::TooEarly {
                file: self.file.clone(),
                from: self.begins.into(),
            });
        }
        Ok(())
    }
}
