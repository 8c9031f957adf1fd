#!/usr/bin/env bash
# `openssl x509 -req` issues a certificate of X.509 version 1 unless an extension is asked for, although the request before it and the CA are
# what every guide shows. OpenSSL's own `verify` takes it, and so do servers on OpenSSL; rustls-webpki refuses it, with an error that names neither the
# command nor the remedy. With an `-extfile` of one line the same command issues version 3, which both take.
set -euo pipefail
openssl=3.0.22-1~deb12u2
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
apt-get download -qq openssl="$openssl" libssl3="$openssl"
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)
openssl() { root/usr/bin/openssl "$@" 2>>log; }

key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
openssl req -x509 "${key[@]}" -keyout ca.key -out ca.pem -days 3650 -subj /CN=CA
openssl req "${key[@]}" -keyout alice.key -out alice.csr -subj /CN=alice
openssl x509 -req -in alice.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -out plain.pem
openssl x509 -req -in alice.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -out extended.pem \
    -extfile <(echo "extendedKeyUsage = clientAuth")

mkdir src
cat >Cargo.toml <<'END'
[package]
name = "verify"
version = "0.1.0"
edition = "2024"
[dependencies]
rustls-pki-types = { version = "=1.15.0", features = ["std"] }
rustls-webpki = { version = "=0.103.17", default-features = false, features = ["ring", "std"] }
END
cat >src/main.rs <<'END'
use rustls_pki_types::{CertificateDer, UnixTime, pem::PemObject};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring::ECDSA_P256_SHA256};

fn main() {
    let read = |path: &str| CertificateDer::from_pem_file(path).unwrap();
    let ca = read("ca.pem");
    let anchors = [anchor_from_trusted_cert(&ca).unwrap()];
    for path in ["plain.pem", "extended.pem"] {
        let certificate = read(path);
        let verified = EndEntityCert::try_from(&certificate).and_then(|certificate| {
            let usage = KeyUsage::client_auth();
            certificate.verify_for_usage(&[ECDSA_P256_SHA256], &anchors, &[], UnixTime::now(), usage, None, None).map(drop)
        });
        println!("{path}: {}", verified.map_or_else(|error| error.to_string(), |()| "taken".to_owned()));
    }
}
END
version() { openssl x509 -in "$1" -noout -text | sed -n 's/ *Version: \([0-9]\).*/\1/p'; }
takes() { openssl verify -CAfile ca.pem "$1" >/dev/null && echo taken || echo refused; }
rustls=$(cargo run --quiet)
openssl version
echo "plain.pem is of version $(version plain.pem), extended.pem of version $(version extended.pem)"
echo "OpenSSL: plain.pem: $(takes plain.pem), extended.pem: $(takes extended.pem)"
echo "rustls-webpki 0.103.17:"; echo "$rustls"
[ "$(version plain.pem) $(version extended.pem) $(takes plain.pem) $(takes extended.pem)" = "1 3 taken taken" ]
[[ $rustls = *"plain.pem: UnsupportedCertVersion"* && $rustls = *"extended.pem: taken"* ]]
