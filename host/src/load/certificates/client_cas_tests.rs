use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use super::*;

fn ca(name: &str) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    (params, KeyPair::generate().unwrap())
}

fn parsed(text: &str, required: bool) -> Result<ClientCas, CertificateError> {
    let ca = "clients.pem".into();
    ClientCas::parse(&ClientAuth { ca, required }, text)
}

#[test]
fn all_cas_of_the_file_count_and_the_first_end_of_them() {
    let [one, two] = ["one", "two"].map(ca);
    let mut text = one.0.self_signed(&one.1).unwrap().pem();
    let mut shorter = two.0;
    shorter.not_after = date_time_ymd(2025, 1, 1);
    text += &shorter.self_signed(&two.1).unwrap().pem();
    let cas = parsed(&text, true).unwrap();
    assert_eq!(cas.subjects, ["CN=one", "CN=two"]);
    let year = |year: u64| SystemTime::UNIX_EPOCH + Duration::from_secs((year - 1970) * 31_557_600);
    cas.check_time(year(2024)).unwrap();
    assert!(cas.check_time(year(2026)).is_err());
    assert!(cas.check_time(year(2019)).is_err());
}

#[test]
fn certificate_is_required_or_optional() {
    let (params, key) = ca("one");
    let text = params.self_signed(&key).unwrap().pem();
    for required in [true, false] {
        let cas = parsed(&text, required).unwrap();
        assert_eq!(cas.verifier.client_auth_mandatory(), required);
    }
}

#[test]
fn each_fault_has_its_own_error() {
    let (params, key) = ca("one");
    let text = params.self_signed(&key).unwrap().pem();
    let client = KeyPair::generate().unwrap();
    let issued = CertificateParams::new(["a.test".to_owned()]).unwrap();
    let issued = issued.signed_by(&client, &Issuer::new(params, &key));
    type Wanted = fn(&CertificateError) -> bool;
    let cases: [(&str, Wanted); 4] = [
        ("", |e| {
            matches!(e, CertificateError::NoClientCa { has_key: false, .. })
        }),
        (&key.serialize_pem(), |e| {
            matches!(e, CertificateError::NoClientCa { has_key: true, .. })
        }),
        (&issued.unwrap().pem(), |e| {
            matches!(e, CertificateError::NoCa { .. })
        }),
        (&text[..text.len() / 2], |e| {
            matches!(e, CertificateError::Damaged { .. })
        }),
    ];
    for (text, wanted) in cases {
        let error = parsed(text, true).unwrap_err();
        assert!(wanted(&error), "{error:?}");
    }
}

#[test]
fn other_cas_have_another_identity() {
    let texts = ["one", "two"]
        .map(ca)
        .map(|(params, key)| params.self_signed(&key).unwrap().pem());
    let [one, same, other] =
        [&texts[0], &texts[0], &texts[1]].map(|text| parsed(text, true).unwrap());
    assert_eq!(one.identity(), same.identity());
    assert_ne!(one.identity(), other.identity());
}

#[test]
fn certificate_that_has_signed_itself_stands_for_its_client() {
    let mut params = CertificateParams::new(["a.test".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "one");
    let [one, other] = [(); 2].map(|()| {
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap()
    });
    let cas = parsed(&one.pem(), true).unwrap();
    let verified = |certificate: &rcgen::Certificate| {
        let now = rustls::pki_types::UnixTime::now();
        cas.verifier
            .verify_client_cert(certificate.der(), &[], now)
            .is_ok()
    };
    assert!(verified(&one));
    assert!(!verified(&other));
}
