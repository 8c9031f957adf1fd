//! From the files of a certificate and its key to both.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use checked_file::{Trust, read_secret_text, read_text, read_trusted_text};
use rustls::Error;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{Certificate, CertificateError, CertificateText, ClientCas};
use crate::load::manifest::{CertificateFiles, ClientAuth, ListenTls};

/// Far more than a chain of certificates needs.
const MAX_LEN: u64 = 1 << 20;

/// All files of a listener; relative paths start from `folder`.
pub fn files_of<'a>(tls: &'a ListenTls, folder: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
    let pairs = tls.certificates.iter();
    let own = pairs.flat_map(|pair| [folder.join(&pair.cert), folder.join(&pair.key)]);
    own.chain(tls.client_auth.iter().map(|auth| folder.join(&auth.ca)))
}

/// Reads a certificate and its key. Relative paths start from `folder`. Whether it is valid now is another question:
/// [`Certificate::check_time`].
///
/// # Errors
///
/// A file that is not what it should be, that others can change, or whose key others can read; a key of another
/// certificate.
pub(super) fn read(
    files: &CertificateFiles,
    folder: &Path,
    trust: Trust,
) -> Result<Certificate, CertificateError> {
    let (cert, key) = (shown(&files.cert), shown(&files.key));
    let at = |file: &String| {
        let file = file.clone();
        move |error| CertificateError::Unreadable { file, error }
    };
    let chain = read_trusted_text(&folder.join(&files.cert), MAX_LEN, trust).map_err(at(&cert))?;
    let path = folder.join(&files.key);
    let secret = match trust {
        Trust::Owner => read_secret_text(&path, MAX_LEN),
        Trust::Any => read_text(&path, MAX_LEN),
    };
    let secret = secret.map_err(at(&key))?;
    parse(files, CertificateText { chain, secret })
}

/// Reads the CAs of clients' certificates, as [`read`] does.
///
/// # Errors
///
/// A file that others can change, or that has anything but certificates of CAs.
pub(super) fn read_client_cas(
    auth: &ClientAuth,
    folder: &Path,
    trust: Trust,
) -> Result<ClientCas, CertificateError> {
    let text = read_trusted_text(&folder.join(&auth.ca), MAX_LEN, trust);
    let text = text.map_err(|error| CertificateError::Unreadable {
        file: shown(&auth.ca),
        error,
    })?;
    ClientCas::parse(auth, &text)
}

/// Reads the certificates that another server is trusted by, as PEM.
///
/// # Errors
///
/// A file that others can change, or that has no certificate.
pub(super) fn read_roots(
    path: &Path,
    folder: &Path,
    trust: Trust,
) -> Result<String, CertificateError> {
    let file = shown(path);
    let text = read_trusted_text(&folder.join(path), MAX_LEN, trust);
    let text = text.map_err(|error| CertificateError::Unreadable {
        file: file.clone(),
        error,
    })?;
    match CertificateDer::from_pem_slice(text.as_bytes()) {
        Ok(_) => Ok(text),
        Err(_) => Err(CertificateError::NoCertificate {
            has_key: text.contains("PRIVATE KEY-----"),
            file,
        }),
    }
}

/// A certificate and its key from the text of these files.
pub(super) fn parse(
    files: &CertificateFiles,
    text: CertificateText,
) -> Result<Certificate, CertificateError> {
    let (cert, key) = (shown(&files.cert), shown(&files.key));
    let CertificateText { chain, secret } = &text;
    let damaged = |file: &str, reason: String| CertificateError::Damaged {
        file: file.to_owned(),
        reason,
    };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| damaged(&cert, error.to_string()))?;
    let Some(first) = certificates.first() else {
        let has_key = chain.contains("PRIVATE KEY-----");
        return Err(CertificateError::NoCertificate {
            file: cert,
            has_key,
        });
    };
    let facts = facts(first).map_err(|reason| damaged(&cert, reason))?;
    let private =
        PrivateKeyDer::from_pem_slice(secret.as_bytes()).map_err(|error| match error {
            pem::Error::NoItemsFound => CertificateError::NoKey {
                file: key.clone(),
                is_encrypted: secret.contains("ENCRYPTED PRIVATE KEY-----"),
            },
            error => damaged(&key, error.to_string()),
        })?;
    let provider = rustls::crypto::ring::default_provider();
    let certified = CertifiedKey::from_der(certificates, private, &provider);
    let certified = certified.map_err(|error| match error {
        Error::InconsistentKeys(_) => CertificateError::OtherKey {
            cert: cert.clone(),
            key: key.clone(),
        },
        Error::InvalidCertificate(error) => damaged(&cert, error.to_string()),
        error => CertificateError::OtherKind {
            file: key.clone(),
            reason: error.to_string(),
        },
    })?;
    let Facts {
        names,
        begins,
        expires,
    } = facts;
    Ok(Certificate {
        key: certified.into(),
        names,
        begins,
        expires,
        file: cert,
        text: Arc::new(text),
    })
}

struct Facts {
    names: Vec<String>,
    begins: SystemTime,
    expires: SystemTime,
}

/// What a certificate says of itself (RFC 5280 §4).
fn facts(certificate: &CertificateDer<'_>) -> Result<Facts, String> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let names = parsed
        .subject_alternative_name()
        .map_err(|error| error.to_string())?;
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    let (begins, expires) = validity(&parsed)?;
    Ok(Facts {
        names: names.collect(),
        begins,
        expires,
    })
}

/// From when and until when a certificate is valid.
pub(super) fn validity(
    certificate: &X509Certificate<'_>,
) -> Result<(SystemTime, SystemTime), String> {
    let time = |seconds: i64| match u64::try_from(seconds) {
        Ok(seconds) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
        Err(_) => Some(SystemTime::UNIX_EPOCH),
    };
    let validity = certificate.validity();
    let begins = time(validity.not_before.timestamp());
    let expires = time(validity.not_after.timestamp());
    let both = begins.zip(expires);
    both.ok_or_else(|| "its validity is no time".to_owned())
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
