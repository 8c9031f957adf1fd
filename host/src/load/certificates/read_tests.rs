use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

/// A certificate until 2030 and its key.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["A.test".to_owned(), "*.b.test".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn parsed(chain: &str, secret: &str) -> Result<Certificate, CertificateError> {
    let files = CertificateFiles {
        cert: "site.pem".into(),
        key: "site.key".into(),
        acme: None,
    };
    let (chain, secret) = (chain.to_owned(), secret.to_owned());
    parse(&files, CertificateText { chain, secret })
}

#[test]
fn certificate_says_its_names_and_times() {
    let (chain, secret) = pair();
    let certificate = parsed(&chain, &secret).unwrap();
    assert_eq!(certificate.names, ["a.test", "*.b.test"]);
    let year = |year: u64| SystemTime::UNIX_EPOCH + Duration::from_secs((year - 1970) * 31_557_600);
    certificate.check_time(year(2025)).unwrap();
    for (at, wanted) in [(2019, "is valid from"), (2031, "has expired")] {
        let error = certificate.check_time(year(at)).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn chain_and_key_may_be_one_file() {
    let (chain, secret) = pair();
    let (ca, _) = pair();
    let both = format!("{chain}{ca}{secret}");
    assert_eq!(parsed(&both, &both).unwrap().key.cert.len(), 2);
}

#[test]
fn each_fault_has_its_own_error() {
    let (chain, secret) = pair();
    let (_, other) = pair();
    type Wanted = fn(&CertificateError) -> bool;
    let cases: [(&str, &str, Wanted); 6] = [
        ("", &secret, |e| {
            matches!(e, CertificateError::NoCertificate { has_key: false, .. })
        }),
        (&secret, &chain, |e| {
            matches!(e, CertificateError::NoCertificate { has_key: true, .. })
        }),
        (&chain, "", |e| {
            matches!(
                e,
                CertificateError::NoKey {
                    is_encrypted: false,
                    ..
                }
            )
        }),
        (&chain, &other, |e| {
            matches!(e, CertificateError::OtherKey { .. })
        }),
        (&chain[..chain.len() / 2], &secret, |e| {
            matches!(e, CertificateError::Damaged { .. })
        }),
        (
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
            &secret,
            |e| matches!(e, CertificateError::Damaged { .. }),
        ),
    ];
    for (chain, secret, wanted) in cases {
        let error = parsed(chain, secret).unwrap_err();
        assert!(wanted(&error), "{error:?}");
    }
}

#[test]
fn files_are_read_below_the_folder_and_a_key_that_others_read_is_refused() {
    let (chain, secret) = pair();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().canonicalize().unwrap();
    fs::write(folder.join("a.pem"), chain).unwrap();
    let key = folder.join("a.key");
    fs::write(&key, secret).unwrap();
    let files = CertificateFiles {
        cert: "a.pem".into(),
        key: "a.key".into(),
        acme: None,
    };
    for (mode, trust, is_read) in [
        (0o600, Trust::Owner, true),
        (0o644, Trust::Owner, false),
        (0o644, Trust::Any, true),
    ] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let read = read(&files, &folder, trust);
        assert_eq!(read.is_ok(), is_read, "{mode:o} {trust:?}");
    }
    let tls = ListenTls {
        certificates: vec![files],
        client_auth: Some(ClientAuth {
            ca: "c.pem".into(),
            required: true,
        }),
    };
    let all: Vec<_> = files_of(&tls, &folder).collect();
    assert_eq!(all, [folder.join("a.pem"), key, folder.join("c.pem")]);
}
