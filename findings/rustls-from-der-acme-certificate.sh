#!/usr/bin/env bash
# `CertifiedKey::from_der` of rustls refuses the certificate that the ACME challenge tls-alpn-01 demands (RFC 8737 section 3: with the extension
# acmeIdentifier, marked critical): it reads the certificate as a client would, only to compare the key, and a critical extension that it does not know ends
# that. So does `with_single_cert`, which calls it. A server can show such a certificate all the same: `CertifiedKey::new` reads nothing, and the key
# can be compared with another reader. The same certificate without the extension passes.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "acme-certificate"
version = "0.1.0"
edition = "2024"
[dependencies]
rcgen = { version = "=0.14.10", default-features = false, features = ["ring"] }
rustls = { version = "=0.23.46", default-features = false, features = ["ring", "std"] }
END
cat >src/main.rs <<'END'
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, crypto::ring::default_provider, sign::CertifiedKey};

fn main() {
    let key = KeyPair::generate().unwrap();
    for with_extension in [false, true] {
        let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
        if with_extension {
            params.custom_extensions = vec![CustomExtension::new_acme_identifier(&[7; 32])];
        }
        let chain = vec![params.self_signed(&key).unwrap().der().clone()];
        let der = || PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = std::sync::Arc::new(default_provider());
        let read = CertifiedKey::from_der(chain.clone(), der(), &provider);
        let config = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let single = config.with_no_client_auth().with_single_cert(chain.clone(), der());
        let unread = CertifiedKey::new(chain, provider.key_provider.load_private_key(der()).unwrap());
        println!("acmeIdentifier {with_extension}: from_der {:?}, with_single_cert {:?}, new {} certificate", read.map(|_| ()), single.map(|_| ()), unread.cert.len());
    }
}
END
cargo run --quiet >seen
cat seen
refused='Err(InvalidCertificate(Other(OtherError(UnsupportedCriticalExtension))))'
diff seen - <<END
acmeIdentifier false: from_der Ok(()), with_single_cert Ok(()), new 1 certificate
acmeIdentifier true: from_der $refused, with_single_cert $refused, new 1 certificate
END
