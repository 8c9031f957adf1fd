//! `rediss://`, with a real server and certificates by `openssl`; without them the test skips.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use stackup_plugin::abi::host::{StoreAnswer, StoreRequest};
use stackup_tests::{RedisServer, print_skipped};
use tokio::runtime::Runtime;

use super::*;
use crate::services::RedisUrl;

/// Set in the process that connects: the URL. A process reads its root certificates once, from a variable.
const URL: &str = "STACKUP_TEST_REDISS";

/// Certificates of an authority, and of a server for `localhost`; another authority, which has signed nothing.
const COMMANDS: [&str; 4] = [
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca",
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout o.key -out other.pem -days 2 -subj /CN=other",
    "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out request.pem -subj /CN=localhost",
    "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out cert.pem",
];

/// False, with a message, without `openssl`.
fn make_certificates(folder: &Path) -> bool {
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost").unwrap();
    COMMANDS.iter().all(|command| {
        let mut openssl = Command::new("openssl");
        let openssl = openssl.args(command.split(' ')).current_dir(folder);
        match openssl.stderr(Stdio::null()).status() {
            Ok(status) => {
                assert!(status.success(), "openssl {command}");
                true
            }
            Err(error) => {
                print_skipped(&format!("no `openssl` ({error})"));
                false
            }
        }
    })
}

/// What a process that trusts `authority` says of the server.
fn connected(url: &str, authority: &Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "tls_server_is_used_if_its_certificate_is_trusted",
            "--nocapture",
        ])
        .env(URL, url)
        .env("SSL_CERT_FILE", authority)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn tls_server_is_used_if_its_certificate_is_trusted() {
    if let Ok(url) = std::env::var(URL) {
        let runtime = Runtime::new().unwrap();
        let settings = RedisSettings {
            url: RedisUrl::parse(&url).unwrap(),
            timeout: Duration::from_secs(30),
            prefix: RedisSettings::PREFIX.to_owned(),
        };
        let store = RedisStore::open(&settings, runtime.handle().clone());
        let (key, value, ttl) = (&b"k"[..], &b"v"[..], None);
        let StoreAnswer::Later(later) = store.call("n", StoreRequest::Set { key, value, ttl })
        else {
            panic!("Redis never answers at once");
        };
        println!("{:?}", runtime.block_on(later));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    if !make_certificates(folder.path()) {
        return;
    }
    // Redis can't say which port it has got.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let file = |name: &str| folder.path().join(name).display().to_string();
    let arguments = [
        ("--tls-port", &*port),
        ("--bind", "127.0.0.1"),
        ("--tls-cert-file", &file("cert.pem")),
        ("--tls-key-file", &file("key.pem")),
        ("--tls-ca-cert-file", &file("ca.pem")),
        ("--tls-auth-clients", "no"),
        ("--requirepass", "s@me"),
    ];
    let arguments: Vec<&str> = arguments
        .iter()
        .flat_map(|(key, value)| [*key, *value])
        .collect();
    let Some(_server) = RedisServer::start_with(&arguments) else {
        return;
    };
    let url = format!("rediss://:s%40me@localhost:{port}");
    let said = connected(&url, &folder.path().join("ca.pem"));
    assert!(said.contains("Ok(Stored("), "{said}");
    let said = connected(&url, &folder.path().join("other.pem"));
    assert!(
        said.contains("certificate") && said.contains("Unavailable"),
        "{said}"
    );
    // The certificate is for another name.
    let said = connected(
        &url.replace("localhost", "127.0.0.1"),
        &folder.path().join("ca.pem"),
    );
    assert!(said.contains("certificate"), "{said}");
    assert!(!said.contains("s@me") && !said.contains("s%40me"), "{said}");
}
