use std::time::SystemTime;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SignatureAlgorithm};
use rustls::pki_types::PrivateKeyDer;

use super::super::CertificateText;
use super::*;

fn certificate(algorithm: &'static SignatureAlgorithm, names: &[&str]) -> Certificate {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let params = CertificateParams::new([]).unwrap();
    let chain = vec![params.self_signed(&key).unwrap().der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    Certificate {
        key: CertifiedKey::from_der(chain, key, &provider)
            .unwrap()
            .into(),
        names: names.iter().map(ToString::to_string).collect(),
        begins: SystemTime::UNIX_EPOCH,
        expires: SystemTime::UNIX_EPOCH,
        file: names[0].to_owned(),
        text: Arc::new(CertificateText {
            chain: String::new(),
            secret: String::new(),
        }),
    }
}

const ECDSA: SignatureScheme = SignatureScheme::ECDSA_NISTP256_SHA256;
const ED25519: SignatureScheme = SignatureScheme::ED25519;

/// The file of the certificate that is chosen.
fn chosen(set: &CertificateSet, name: Option<&str>, schemes: &[SignatureScheme]) -> String {
    let key = set.choose(name, schemes).unwrap();
    let mut all = set.all().iter();
    let one = all.find(|one| Arc::ptr_eq(&one.key, &key)).unwrap();
    one.file.clone()
}

#[test]
fn name_chooses_exactly_then_by_wildcard_then_the_first() {
    let names: [&[_]; 4] = [
        &["first"],
        &["*.a.test"],
        &["b.a.test", "c.test"],
        &["*.test"],
    ];
    let all = names.map(|names| certificate(&PKCS_ECDSA_P256_SHA256, names));
    let set = CertificateSet::new(all.into());
    for (name, wanted) in [
        (Some("b.a.test"), "b.a.test"),
        (Some("B.A.test"), "b.a.test"),
        (Some("c.test"), "b.a.test"),
        (Some("d.test"), "*.test"),
        (Some("x.a.test"), "*.a.test"),
        (Some("x.x.a.test"), "first"),
        (Some("a.test"), "*.test"),
        (Some("test"), "first"),
        (None, "first"),
    ] {
        assert_eq!(chosen(&set, name, &[ECDSA]), wanted, "{name:?}");
    }
}

#[test]
fn client_gets_a_key_that_it_knows() {
    let all = [
        certificate(&PKCS_ED25519, &["new", "a.test"]),
        certificate(&PKCS_ECDSA_P256_SHA256, &["old", "a.test"]),
    ];
    let set = CertificateSet::new(all.into());
    for name in [Some("a.test"), None] {
        assert_eq!(chosen(&set, name, &[ED25519, ECDSA]), "new");
        assert_eq!(chosen(&set, name, &[ECDSA]), "old");
        assert_eq!(
            chosen(&set, name, &[]),
            "new",
            "the handshake then says why"
        );
    }
}
