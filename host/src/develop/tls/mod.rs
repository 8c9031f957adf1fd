//! Development by TLS: a certificate for this machine, of a CA that belongs to this user alone.
//!
//! Both are files in a folder of the user's, which all sites share: so a browser has to trust one CA once. Knows no connections.

mod ca;
mod files;
mod leaf;

use std::io;
use std::path::PathBuf;

use checked_file::ReadError;

use self::ca::Ca;
use self::files::folder;
use crate::load::manifest::{CertificateFiles, ListenTls};

/// What a development server shows.
#[derive(Debug)]
pub struct DevelopmentTls {
    /// Its certificate, by absolute paths.
    pub tls: ListenTls,
    /// The certificate of the CA.
    pub ca: PathBuf,
    /// Whether that is new, so that nobody trusts it yet.
    pub is_new: bool,
}

/// Why there is no certificate for development.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentTlsError {
    /// No folder for it.
    #[error(
        "there is no folder for the certificates of `--tls`: neither XDG_DATA_HOME nor HOME is an absolute path\nhelp: set HOME"
    )]
    NoFolder,
    /// A file that can't be read, or that others can change or read.
    #[error("{}", match .1 {
        ReadError::Untrusted(error) => format!("{}\nhelp: run `{}`; or remove the file: stackup makes another CA, which browsers must trust anew", error.problem(), error.fix()),
        error => format!("`{}` can't be read: {error}", .0.display()),
    })]
    Unreadable(PathBuf, ReadError),
    /// A file that can't be written.
    #[error("`{}` can't be written: {error}", .path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A key that is none.
    #[error("`{}` is no private key: {reason}\nhelp: remove it: stackup makes another CA, which browsers must trust anew", .path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A certificate can't be made.
    #[error("no certificate for `{host}` can be made: {reason}")]
    NoCertificate {
        /// For whom.
        host: String,
        /// Why.
        reason: String,
    },
}

/// The certificate of this user's development servers: for `localhost`, 127.0.0.1, ::1 and `host`. What is missing, or ends soon, is made.
///
/// # Errors
///
/// The user's folder can't be used, or `host` is no name.
pub fn development_tls(host: Option<&str>) -> Result<DevelopmentTls, DevelopmentTlsError> {
    let folder = folder(|name| std::env::var_os(name))?;
    in_folder(folder, host)
}

fn in_folder(folder: PathBuf, host: Option<&str>) -> Result<DevelopmentTls, DevelopmentTlsError> {
    files::create_folder(&folder)?;
    let ca = Ca::open(&folder)?;
    let file = leaf::open(&folder, &ca, host)?;
    Ok(DevelopmentTls {
        tls: ListenTls {
            certificates: vec![CertificateFiles {
                cert: file.clone(),
                key: file,
                acme: None,
            }],
            client_auth: None,
        },
        ca: ca.path,
        is_new: ca.is_new,
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
