#!/usr/bin/env bash
# x509-parser's text of a name is not that of RFC 4514: it escapes nothing and keeps the order of the certificate, where the RFC has `\,` for a comma and
# begins with the most specific name. The organisation `Example, Inc.` reads as if a name ended after `Example`. OpenSSL writes the same subject with the
# escape (`-nameopt RFC2253`). So that text is for people; who compares subjects writes them from the attributes.
# Seen with x509-parser 0.18.1, rcgen 0.14.10 and OpenSSL 3.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "shown"
version = "0.1.0"
edition = "2024"
[dependencies]
rcgen = { version = "=0.14.10", default-features = false, features = ["crypto", "pem", "ring"] }
x509-parser = "=0.18.1"
END
cat >src/main.rs <<'END'
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use x509_parser::prelude::{FromDer, X509Certificate};

fn main() {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
    params.distinguished_name.push(DnType::CommonName, "a.example");
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    std::fs::write("a.pem", certificate.pem()).unwrap();
    let (_, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
    println!("x509-parser: {}", parsed.subject());
}
END
cargo run --quiet >seen
openssl x509 -in a.pem -noout -subject -nameopt RFC2253 | sed 's/^subject=/openssl: /' >>seen
cat >expected <<'END'
x509-parser: O=Example, Inc., CN=a.example
openssl: CN=a.example,O=Example\, Inc.
END
echo "x509-parser 0.18.1, $(openssl version): the subject of one certificate"
cat seen
diff expected seen
