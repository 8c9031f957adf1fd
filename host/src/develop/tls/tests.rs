use std::ffi::OsString;
use std::fs;

use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::*;
use crate::load::certificates::{CertificatePlace, CertificateSet};

fn read(made: &DevelopmentTls) -> CertificateSet {
    let place = CertificatePlace {
        folder: PathBuf::new(),
        trust: checked_file::Trust::Owner,
    };
    place.read(&made.tls).unwrap()
}

/// A folder that does not exist yet.
fn folder(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().canonicalize().unwrap().join("stackup/tls")
}

#[test]
fn all_starts_share_the_ca_and_the_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let first = in_folder(folder(&dir), None).unwrap();
    assert!(first.is_new);
    let second = in_folder(folder(&dir), Some("127.0.0.1")).unwrap();
    assert!(!second.is_new);
    assert_eq!((&first.ca, &first.tls), (&second.ca, &second.tls));
    assert_eq!(
        read(&first).all()[0].key.cert,
        read(&second).all()[0].key.cert
    );
    let other = in_folder(folder(&dir), Some("dev.example")).unwrap();
    assert_ne!(other.tls, first.tls);
    assert_eq!(read(&other).all()[0].names, ["localhost", "dev.example"]);
}

#[test]
fn certificate_has_the_addresses_of_this_machine_and_the_host() {
    let dir = tempfile::tempdir().unwrap();
    let made = in_folder(folder(&dir), Some("[2001:db8::1]")).unwrap();
    let set = read(&made);
    let (_, parsed) = X509Certificate::from_der(&set.all()[0].key.cert[0]).unwrap();
    let names = parsed.subject_alternative_name().unwrap().unwrap();
    let addresses = names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::IPAddress(bytes) => Some(bytes.len()),
            _ => None,
        });
    assert_eq!(addresses.collect::<Vec<_>>(), [4, 16, 16]);
}

#[test]
fn files_are_for_this_user_only() {
    let dir = tempfile::tempdir().unwrap();
    let folder = folder(&dir);
    let made = in_folder(folder.clone(), None).unwrap();
    assert_eq!(files::mode(&folder), 0o700);
    for file in [folder.join("ca.key"), made.tls.certificates[0].key.clone()] {
        assert_eq!(files::mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn key_that_others_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let folder = folder(&dir);
    in_folder(folder.clone(), None).unwrap();
    let key = folder.join("ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let error = in_folder(folder, None).unwrap_err().to_string();
    assert!(error.contains("world-readable"), "{error}");
}

#[test]
fn another_key_is_another_ca_and_makes_new_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let folder = folder(&dir);
    let first = in_folder(folder.clone(), None).unwrap();
    let before = read(&first);
    fs::remove_file(folder.join("ca.key")).unwrap();
    let second = in_folder(folder.clone(), None).unwrap();
    assert!(second.is_new);
    assert_ne!(read(&second).all()[0].key.cert, before.all()[0].key.cert);
    // The certificate alone is made of the key again.
    let served = read(&second);
    fs::remove_file(&second.ca).unwrap();
    let third = in_folder(folder, None).unwrap();
    assert!(third.is_new);
    assert_eq!(read(&third).all()[0].key.cert, served.all()[0].key.cert);
}

#[test]
fn folder_is_the_users_data() {
    let of = |data: &str, home: &str| {
        files::folder(|name| {
            Some(match name {
                "XDG_DATA_HOME" => OsString::from(data),
                _ => home.into(),
            })
        })
    };
    assert_eq!(
        of("/data", "/home/a").unwrap(),
        PathBuf::from("/data/stackup/tls")
    );
    let home = PathBuf::from("/home/a/.local/share/stackup/tls");
    assert_eq!(of("relative", "/home/a").unwrap(), home);
    assert_eq!(of("", "/home/a").unwrap(), home);
    assert!(matches!(of("", ""), Err(DevelopmentTlsError::NoFolder)));
}
