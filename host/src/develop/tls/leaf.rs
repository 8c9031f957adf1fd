//! The certificate that development servers show.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use checked_file::Trust;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::DevelopmentTlsError;
use super::ca::{Ca, no_certificate, valid_for};
use super::files::replace;
use crate::load::certificates::{CertificatePlace, common_name};
use crate::load::manifest::{CertificateFiles, ListenTls};

/// For how long it is valid, and how much of that must be left when a server starts.
const LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);
const LEAST: Duration = Duration::from_secs(30 * 24 * 3600);

/// The file of the certificate and its key: one, so that another process can't write the one between the other.
pub(super) fn open(
    folder: &Path,
    ca: &Ca,
    host: Option<&str>,
) -> Result<PathBuf, DevelopmentTlsError> {
    let host = host.and_then(own_host);
    let path = folder.join(match &host {
        Some(host) => format!("{}.pem", host.replace('/', "_")),
        None => "localhost.pem".to_owned(),
    });
    if !serves(&path, ca) {
        replace(&path, &made(ca, host.as_deref())?)?;
    }
    Ok(path)
}

/// A host that needs a name in the certificate besides those that each has.
fn own_host(host: &str) -> Option<String> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let ip = host.parse::<IpAddr>();
    let is_covered = match ip {
        // Clients use other names for a server that listens everywhere.
        Ok(ip) => ip.is_unspecified() || NAMES.contains(&host),
        Err(_) => NAMES.contains(&host) || host.starts_with("unix:"),
    };
    (!is_covered).then(|| host.to_ascii_lowercase())
}

const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Whether the file has a certificate of this CA that lasts.
fn serves(path: &Path, ca: &Ca) -> bool {
    let place = CertificatePlace {
        folder: PathBuf::new(),
        trust: Trust::Owner,
    };
    let files = CertificateFiles {
        cert: path.to_owned(),
        key: path.to_owned(),
        acme: None,
    };
    let set = place.read(&ListenTls {
        certificates: vec![files],
        client_auth: None,
    });
    let Ok(set) = set else {
        return false;
    };
    set.all().iter().all(|one| {
        let parsed = one
            .key
            .cert
            .first()
            .map(|own| X509Certificate::from_der(own));
        let issuer = match &parsed {
            Some(Ok((_, parsed))) => common_name(parsed.issuer()),
            _ => None,
        };
        issuer.as_ref() == Some(&ca.name) && one.expires > SystemTime::now() + LEAST
    })
}

fn made(ca: &Ca, host: Option<&str>) -> Result<String, DevelopmentTlsError> {
    let failed = |error| no_certificate(host.unwrap_or("localhost"), &error);
    let names = NAMES.into_iter().chain(host).map(str::to_owned);
    let mut params = CertificateParams::new(names.collect::<Vec<_>>()).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "stackup dev");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid_for(&mut params, LIFETIME);
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.signed_by(&key, &ca.issuer).map_err(failed)?;
    Ok(certificate.pem() + &key.serialize_pem())
}
