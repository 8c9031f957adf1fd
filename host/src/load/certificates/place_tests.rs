use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;
use crate::load::manifest::AcmeChallenge;

/// A listener with two certificates: one that stackup orders, and one of somebody else's.
fn listener() -> ListenTls {
    let ordered = CertificateFiles::ordered(Acme {
        domains: vec!["a.test".into()],
        directory: "https://ca.test".into(),
        contact: Vec::new(),
        state: "acme".into(),
        ca: None,
        challenge: AcmeChallenge::TlsAlpn01,
    });
    let other = CertificateFiles {
        cert: "b.test.pem".into(),
        key: "b.test.pem".into(),
        acme: None,
    };
    ListenTls {
        certificates: vec![ordered, other],
        client_auth: None,
    }
}

fn write(folder: &Path, file: &str, name: &str, until: i32) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, certificate.pem() + &key.serialize_pem()).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

fn files(set: &CertificateSet) -> Vec<&str> {
    set.all().iter().map(|one| &*one.file).collect()
}

const ORDERED: &str = "acme/ca.test/a.test.pem";

#[test]
fn only_one_that_is_to_be_ordered_may_be_missing_or_expired() {
    let dir = tempfile::tempdir().unwrap();
    let place = CertificatePlace {
        folder: dir.path().canonicalize().unwrap(),
        trust: Trust::Owner,
    };
    let listener = listener();
    assert_eq!(
        place.read(&listener).unwrap_err().0,
        1,
        "nobody orders the other"
    );
    write(&place.folder, "b.test.pem", "b.test", 4000);
    let without = place.read(&listener).unwrap();
    assert_eq!(files(&without), ["b.test.pem"]);
    write(&place.folder, ORDERED, "a.test", 2001);
    assert_eq!(files(&place.read(&listener).unwrap()), ["b.test.pem"]);
    write(&place.folder, ORDERED, "a.test", 4000);
    let both = place.read(&listener).unwrap();
    assert_eq!(files(&both), [ORDERED, "b.test.pem"]);
    // One that was removed so that it is ordered anew serves on.
    let again = without.or_ordered(&both, &listener);
    assert_eq!(files(&again), [ORDERED, "b.test.pem"]);
    fs::write(place.folder.join(ORDERED), "").unwrap();
    assert_eq!(place.read(&listener).unwrap_err().0, 0, "a damaged one");
}

#[test]
fn file_of_the_cas_own_cas_has_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let place = CertificatePlace {
        folder: dir.path().canonicalize().unwrap(),
        trust: Trust::Owner,
    };
    let mut listener = listener();
    listener.certificates.truncate(1);
    if let Some(acme) = &mut listener.certificates[0].acme {
        acme.ca = Some("ca.pem".into());
    }
    for text in [None, Some("none")] {
        if let Some(text) = text {
            fs::write(place.folder.join("ca.pem"), text).unwrap();
        }
        let (index, error) = place.read(&listener).unwrap_err();
        assert!(
            index == 0 && error.to_string().contains("`ca.pem`"),
            "{error}"
        );
    }
    write(&place.folder, "ca.pem", "ca.test", 4000);
    assert!(place.read(&listener).unwrap().all().is_empty());
}
