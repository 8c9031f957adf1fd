//! The CA of a user's development servers.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, date_time_ymd,
};
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::DevelopmentTlsError;
use super::files::{create, read, replace};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// For how long it is valid: to trust another one is work for people.
const LIFETIME: Duration = Duration::from_secs(3650 * 24 * 3600);

/// The CA, which signs with its key.
pub(super) struct Ca {
    pub(super) issuer: Issuer<'static, KeyPair>,
    /// Its subject's common name, which no other CA has.
    pub(super) name: String,
    /// Its certificate.
    pub(super) path: PathBuf,
    /// Whether this process has made the certificate.
    pub(super) is_new: bool,
}

impl Ca {
    /// Reads it from `folder`, or makes it there. Its identity is its key's: the certificate can be made of that again.
    pub(super) fn open(folder: &Path) -> Result<Self, DevelopmentTlsError> {
        let (key_path, path) = (folder.join("ca.key"), folder.join("ca.pem"));
        let key = key(&key_path)?;
        let name = name(&key);
        let params = params(&name);
        let made = |params: &CertificateParams| {
            let certificate = params.self_signed(&key);
            certificate.map_err(|error| no_certificate(&name, &error))
        };
        let is_new = match read(&path)? {
            Some(text) if is_of(&text, &key) => false,
            Some(_) => {
                replace(&path, &made(&params)?.pem())?;
                true
            }
            None => create(&path, &made(&params)?.pem())?,
        };
        Ok(Self {
            issuer: Issuer::new(params, key),
            name,
            path,
            is_new,
        })
    }
}

pub(super) fn no_certificate(host: &str, error: &rcgen::Error) -> DevelopmentTlsError {
    DevelopmentTlsError::NoCertificate {
        host: host.to_owned(),
        reason: error.to_string(),
    }
}

/// The key that is there, or a new one. Where several processes make one at a time, they all take the first.
fn key(path: &Path) -> Result<KeyPair, DevelopmentTlsError> {
    let bad = |error: rcgen::Error| DevelopmentTlsError::BadKey {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    if let Some(text) = read(path)? {
        return KeyPair::from_pem(&text).map_err(bad);
    }
    let key = KeyPair::generate().map_err(bad)?;
    if create(path, &key.serialize_pem())? {
        return Ok(key);
    }
    KeyPair::from_pem(&read(path)?.unwrap_or_default()).map_err(bad)
}

/// Two CAs of one name would be one with a bad signature.
fn name(key: &KeyPair) -> String {
    let digest = digest(&SHA256, key.der_bytes());
    let digits = digest.as_ref().iter().take(4);
    let digits: String = digits.map(|byte| format!("{byte:02x}")).collect();
    format!("stackup development CA {digits}")
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for(&mut params, LIFETIME);
    params
}

/// From a day ago, for clocks that differ.
pub(super) fn valid_for(params: &mut CertificateParams, lifetime: Duration) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // The type of rcgen's times is of a crate that stackup does not name.
    let now = date_time_ymd(1970, 1, 1) + now.unwrap_or_default();
    params.not_before = now - DAY;
    params.not_after = now + lifetime;
}

/// Whether it is the certificate of this key, and valid.
fn is_of(text: &str, key: &KeyPair) -> bool {
    let Ok(certificate) = CertificateDer::from_pem_slice(text.as_bytes()) else {
        return false;
    };
    X509Certificate::from_der(&certificate).is_ok_and(|(_, parsed)| {
        parsed.public_key().raw == key.subject_public_key_info() && parsed.validity().is_valid()
    })
}
