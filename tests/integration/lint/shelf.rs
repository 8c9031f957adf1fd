//! The shelf breaks no rule in any request.

use std::collections::BTreeMap;

use serde_json::Value;
use stackup_tests::{Host, Site, artifacts};

use super::{findings_json, send};

/// The whole shelf. Plugins that respond instead of calling the next one have a map of their own.
const MANIFEST: &str = r#"
use = [
  { plugin = "lint", config = { strict = false } },
  "logger",
  "request-id",
  "runtime",
  "show-exceptions",
  { plugin = "security-headers", config = { csp = { default-src = ["'self'"] } } },
  { plugin = "host-authorization", config = { hosts = ["localhost"] } },
  { plugin = "cors", config = { origins = ["https://www.example.com"] } },
  { plugin = "throttle", config = { rules = [{ name = "all", action = "throttle", rate = "1000000/s" }], fields = "all" } },
  { plugin = "concurrency-limit", config = { limit = 100 } },
  { plugin = "timeout", config = { seconds = 30 } },
  { plugin = "session", config = { secrets = ["0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"] } },
  { plugin = "config", config = { env = { "app.name" = "shop" } } },
  { plugin = "headers", config = { set = { "x-shelf" = "all" } } },
  { plugin = "body-limit", config = { bytes = 65536 } },
  { plugin = "deflater", config = {} },
  "show-status",
  "head",
  "conditional-get",
  "etag",
  "content-length",
  "content-type",
  "method-override",
  "recursive",
  { plugin = "rewrite", config = { rules = [
    { from = '^/old/(.*)$', to = '/answers/$1' },
    { from = '^/gone/(.*)$', to = '/answers/$1', redirect = 301 },
  ] } },
  { plugin = "static", config = { urls = ["/assets"], root = "public" } },
]
run = "hello"

[failures]
panics = "off"

[[map]]
path = "/answers"
use = ["lock", { plugin = "lint", config = { strict = false } }]
run = "answers"

[[map]]
path = "/cached"
use = ["cache"]
run = "answers"

[[map]]
path = "/pig"
use = ["pig-latin"]
run = "answers"

[[map]]
path = "/away"
run = { plugin = "proxy", config = { to = ["unix:missing.sock"] } }

[[map]]
path = "/guest"
run = { plugin = "guest", config = { command = ["STACKUP", "serve", "-E", "production", "-o", "unix:$SOCKET", "guest.ru.toml"], watch = false } }

[[map]]
path = "/files"
run = { plugin = "files", config = { root = "public" } }

[[map]]
path = "/sent"
use = [{ plugin = "sendfile", config = { variation = "x-accel-redirect", mappings = { "public" = "/internal" } } }]
run = { plugin = "files", config = { root = "public" } }

[[map]]
path = "/directory"
run = { plugin = "directory", config = { root = "public" } }

[[map]]
path = "/echo"
run = "echo"

[[map]]
path = "/env"
run = "env"

[[map]]
path = "/health"
use = ["null-logger", "logger"]
run = "health"

[[map]]
path = "/redirect"
run = { plugin = "redirect", config = { to = "https://docs.example.com/v2" } }

[[map]]
path = "/metrics"
run = "metrics"

[[map]]
path = "/respond"
run = { plugin = "respond", config = { status = 204 } }

[[map]]
path = "/maintenance"
use = [{ plugin = "maintenance", config = { enabled = true } }]
run = "hello"

[[map]]
path = "/secure"
use = ["force-ssl"]
run = "hello"

[[map]]
path = "/private"
use = [{ plugin = "basic-auth", config = { realm = "Back office", plain = { me = "secret" } } }]
run = "hello"

[[map]]
path = "/cascade"
[[map.cascade]]
run = { plugin = "files", config = { root = "public" } }
[[map.cascade]]
run = "answers"
"#;

const PLUGINS: [&str; 46] = [
    "answers",
    "basic-auth",
    "body-limit",
    "cache",
    "concurrency-limit",
    "conditional-get",
    "config",
    "content-length",
    "content-type",
    "cors",
    "deflater",
    "directory",
    "echo",
    "env",
    "etag",
    "files",
    "force-ssl",
    "guest",
    "head",
    "headers",
    "health",
    "hello",
    "host-authorization",
    "lint",
    "lock",
    "logger",
    "maintenance",
    "method-override",
    "metrics",
    "null-logger",
    "pig-latin",
    "proxy",
    "recursive",
    "redirect",
    "request-id",
    "respond",
    "rewrite",
    "runtime",
    "security-headers",
    "sendfile",
    "session",
    "show-exceptions",
    "show-status",
    "static",
    "throttle",
    "timeout",
];

const TARGETS: [&str; 38] = [
    "/",
    "/assets/large.html",
    "/assets/small.css",
    "/assets/missing.css",
    "/away",
    "/guest",
    "/files/large.html",
    "/files/empty.txt",
    "/files/missing",
    "/sent/large.html",
    "/directory/",
    "/directory/large.html",
    "/echo",
    "/env",
    "/health",
    "/metrics",
    "/redirect",
    "/respond",
    "/maintenance",
    "/secure",
    "/private",
    "/cascade/small.css",
    "/cascade/other?body=hello",
    "/old/x?body=hello",
    "/gone/x",
    "/answers?body=hello&header=content-type:text/html",
    "/answers?stream=one&stream=two&stream=three&header=content-type:text/plain",
    "/answers?bytes=50000&header=content-type:text/plain",
    "/answers?bytes=50000&header=content-type:text/plain&header=etag:%22a%22",
    "/answers?status=404",
    "/answers?status=304",
    "/answers?status=204",
    "/answers?status=500&body=broken",
    "/answers?fail=no+tea",
    "/answers?panic=no+tea",
    "/cached?body=hello&header=cache-control:max-age=60&header=content-type:text/plain",
    "/cached?stream=one&stream=two&header=cache-control:max-age=60&header=content-type:text/plain",
    "/pig?body=hello+world&header=content-type:text/plain&header=etag:%22a%22",
];

/// Header lines of requests.
const HEADERS: [&str; 9] = [
    "",
    "accept-encoding: gzip\r\n",
    "accept-encoding: br, zstd;q=0.5\r\n",
    "range: bytes=2-5\r\n",
    "range: bytes=0-1,5-9\r\n",
    "if-none-match: *\r\n",
    "if-modified-since: Fri, 31 Dec 2100 00:00:00 GMT\r\n",
    "origin: https://www.example.com\r\n",
    "origin: https://www.example.com\r\naccess-control-request-method: PUT\r\n",
];

/// Bodies of requests: of a known length, a form, in chunks, and none.
const BODIES: [&str; 5] = [
    "content-length: 5\r\n\r\nhello",
    "content-type: application/x-www-form-urlencoded\r\ncontent-length: 11\r\n\r\n_method=PUT",
    "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "content-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n\r\nb\r\n_method=PUT\r\n0\r\n\r\n",
    "content-length: 0\r\n\r\n",
];

#[test]
fn every_plugin_is_linted() {
    let shelf = std::fs::read_dir(artifacts::workspace().join("plugins")).unwrap();
    let folders = shelf.map(|entry| entry.unwrap().path());
    let plugins = folders.filter(|folder| folder.join("Cargo.toml").is_file());
    let mut names: Vec<_> = plugins
        .filter_map(|folder| folder.file_name()?.to_str().map(str::to_owned))
        .collect();
    names.push("answers".to_owned());
    names.sort();
    assert_eq!(names, PLUGINS);
}

#[tokio::test]
async fn shelf_has_no_violation() {
    // The guest is another stackup, since that is installed everywhere.
    let program = artifacts::stackup().display().to_string();
    let site = Site::new(&MANIFEST.replace("STACKUP", &program), &PLUGINS);
    site.file("guest.ru.toml", "run = \"hello\"\n");
    std::fs::create_dir(site.path().join("public")).unwrap();
    site.file("public/large.html", "<p>a page\n".repeat(30_000));
    site.file("public/small.css", "p { color: red }\n");
    site.file("public/empty.txt", "");
    let host = Host::develop(&site).await;
    let headers = "HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    for target in TARGETS {
        for fields in HEADERS {
            for method in ["GET", "HEAD"] {
                send(&host, &format!("{method} {target} {headers}{fields}\r\n")).await;
            }
        }
        send(
            &host,
            &format!("OPTIONS {target} {headers}{}\r\n", HEADERS[8]),
        )
        .await;
        for body in BODIES {
            send(&host, &format!("POST {target} {headers}{body}")).await;
        }
    }
    send(&host, &format!("OPTIONS * {headers}\r\n")).await;
    assert_eq!(findings_json(&host).await, "[]");
    assert!(host.log().try_take(|line| line.event() == "lint").is_none());
    assert_eq!(uncalled_plugins(&host).await, Vec::<String>::new());
}

/// The plugins that no request reached.
async fn uncalled_plugins(host: &Host) -> Vec<String> {
    let mut connection = host.connect().await;
    connection
        .send("GET /_stackup/api/stack HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let response = connection.response().await;
    let stack: Value = serde_json::from_str(&response.text()).expect("the inspector's JSON");
    let mut calls = BTreeMap::<_, u64>::new();
    for slot in stack["slots"].as_array().expect("slots") {
        let handler = slot["handler"].as_str().expect("a name").to_owned();
        let count = slot["counts"]["calls"].as_u64();
        *calls.entry(handler).or_default() += count.unwrap_or_default();
    }
    assert_eq!(calls.len(), PLUGINS.len());
    let uncalled_plugins = calls.into_iter().filter(|(_, calls)| *calls == 0);
    uncalled_plugins.map(|(handler, _)| handler).collect()
}
