//! The certificates of listeners: from PEM files to what the server shows. Knows no connections.

mod client_cas;
mod distinguished_name;
mod error;
mod kept;
mod place;
mod read;
mod set;

use std::sync::Arc;
use std::time::SystemTime;

use rustls::sign::CertifiedKey;

pub use self::client_cas::ClientCas;
pub use self::distinguished_name::{common_name, distinguished_name};
pub use self::error::{CertificateError, certificate_diagnostic};
pub use self::kept::{CertificateText, KeptCertificates};
pub use self::place::CertificatePlace;
pub use self::read::files_of;
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
        check_time(&self.file, self.begins, self.expires, now)
    }
}

impl ClientCas {
    /// Whether all of them are valid at `now`.
    ///
    /// # Errors
    ///
    /// One has expired, or begins later.
    pub fn check_time(&self, now: SystemTime) -> Result<(), CertificateError> {
        check_time(&self.file, self.begins, self.expires, now)
    }
}

fn check_time(
    file: &str,
    begins: SystemTime,
    expires: SystemTime,
    now: SystemTime,
) -> Result<(), CertificateError> {
    let file = file.to_owned();
    if expires < now {
        let since = expires.into();
        return Err(CertificateError::Expired { file, since });
    }
    if begins > now {
        let from = begins.into();
        return Err(CertificateError::TooEarly { file, from });
    }
    Ok(())
}
