//! Attacks on the plugins that parse what a client sends.

use std::fs;

use stackup_tests::http::Response;
use stackup_tests::{Connection, Host, Site};

const MANIFEST: &str = r#"
use = ["request-id", "deflater", "conditional-get", "etag", "method-override"]
run = "answers"

[[map]]
path = "/files"
run = { plugin = "files", config = { root = "public" } }

[[map]]
path = "/directory"
run = { plugin = "directory", config = { root = "public" } }

[[map]]
path = "/static"
use = [{ plugin = "static", config = { root = "public", urls = ["/"] } }]
run = "answers"

[[map]]
path = "/redirect"
run = { plugin = "redirect", config = { to = "/", path = true, query = true } }

[[map]]
path = "/rewrite"
use = [{ plugin = "rewrite", config = { rules = [{ from = '^/(.*)$', to = '/$1', redirect = 302 }] } }]
run = "answers"

[[map]]
path = "/ssl"
use = ["force-ssl"]
run = "answers"
"#;

const PLUGINS: [&str; 13] = [
    "request-id",
    "deflater",
    "conditional-get",
    "etag",
    "method-override",
    "files",
    "directory",
    "static",
    "redirect",
    "rewrite",
    "force-ssl",
    "sendfile",
    "answers",
];

async fn serve() -> (Site, Host) {
    let site = Site::new(MANIFEST, &PLUGINS);
    fs::create_dir_all(site.path().join("public/sub")).expect("a directory");
    site.file("public/page.txt", vec![b'p'; 1000]);
    site.file("public/sub/page.txt", "page");
    site.file("secret.txt", "s3cret");
    let root = site.path().join("public");
    std::os::unix::fs::symlink("../secret.txt", root.join("link.txt")).expect("a link");
    std::os::unix::fs::symlink("..", root.join("up")).expect("a link");
    let host = Host::start(&site).await;
    (site, host)
}

async fn ask(connection: &mut Connection, start: &str, lines: &[&str]) -> Response {
    super::ask(connection, start, lines).await
}

#[tokio::test]
async fn no_path_spelling_escapes_root() {
    let (_site, host) = serve().await;
    for map in ["/files", "/directory", "/static"] {
        for path in [
            "/../secret.txt",
            "/sub/../../secret.txt",
            "/%2e%2e/secret.txt",
            "/%2E%2E/secret.txt",
            "/.%2e/secret.txt",
            "/..%2fsecret.txt",
            "/%2e%2e%2Fsecret.txt",
            "/..%5csecret.txt",
            "/%252e%252e/secret.txt",
            "/..%00/secret.txt",
            "/secret.txt%00",
            "/..%c0%afsecret.txt",
            "/%c0%ae%c0%ae/secret.txt",
            "/%uff0e%uff0e/secret.txt",
            "/..;/secret.txt",
            "//../secret.txt",
            "/./../secret.txt",
            "/link.txt",
            "/up/secret.txt",
            "/sub/..%2f..%2fsecret.txt",
            "/file:///etc/passwd",
            "//etc/passwd",
        ] {
            // After a 400 the connection closes.
            let res = host.get(&format!("{map}{path}?body=app")).await;
            let refused = matches!(res.status(), 400 | 404) || res.text() == "app";
            assert!(
                refused && !res.text().contains("s3cret"),
                "{map}{path}: {res}"
            );
        }
    }
}

#[tokio::test]
async fn client_chooses_no_redirect_target() {
    let (_site, host) = serve().await;
    let mut connection = host.connect().await;
    for path in [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "/%5cevil.example",
        "/%2fevil.example",
        "/%2f%2fevil.example",
        "/%09/evil.example",
        "/http://evil.example",
        "/@evil.example",
        "/.evil.example",
    ] {
        for map in ["/redirect", "/rewrite", "/directory"] {
            let res = connection.get(&format!("{map}{path}")).await;
            let Some(location) = res.header("location") else {
                assert!(
                    matches!(res.status(), 200 | 400 | 404),
                    "{map}{path}: {res}"
                );
                continue;
            };
            // Browsers drop tabs, and take a backslash for a slash.
            let seen = location.replace(['\t'], "").replace('\\', "/");
            assert!(
                seen.starts_with('/') && !seen.starts_with("//"),
                "{map}{path}: {location}"
            );
        }
    }
    // The link to a directory with a host's name stays on this server.
    let listed = connection.get("/directory//sub").await;
    let location = listed.header("location").unwrap_or("/");
    assert!(!location.starts_with("//"), "{location}");
}

#[tokio::test]
async fn client_injects_no_response_header() {
    let (_site, host) = serve().await;
    let mut connection = host.connect().await;
    for target in [
        "/redirect/a%0d%0aset-cookie:%20a=b",
        "/redirect/a?b%0d%0aset-cookie:%20a=b",
        "/rewrite/a%0d%0aset-cookie:%20a=b",
        "/rewrite/a%E5%98%8A%E5%98%8Dset-cookie:%20a=b",
        "/directory/sub%0d%0aset-cookie:%20a=b",
        "/ssl/a%0d%0aset-cookie:%20a=b",
        "/?header=x-own:a%0d%0aset-cookie:%20a=b",
    ] {
        let res = connection.get(target).await;
        assert_eq!(res.header("set-cookie"), None, "{target}");
        assert!(
            !res.head
                .headers
                .iter()
                .any(|(_, value)| value.contains(['\r', '\n'])),
            "{target}"
        );
    }
    // An id is reflected, so only valid characters are accepted.
    for id in ["a, b", "<script>", "a\tb", &"x".repeat(129)] {
        let line = format!("x-request-id: {id}");
        let res = ask(&mut connection, "GET /?body=hello", &[&line]).await;
        assert_ne!(res.header("x-request-id"), Some(id));
    }
    // An invalid method is ignored.
    for method in ["GET / HTTP/1.1", "DELE TE", "TRACE", "CONNECT", "\u{e9}"] {
        let lines = [
            &*format!("x-http-method-override: {method}"),
            "content-length: 0",
        ];
        let res = ask(&mut connection, "POST /?env=REQUEST_METHOD", &lines).await;
        assert_eq!(res.text(), "REQUEST_METHOD=POST\n", "{method}");
    }
}

#[tokio::test]
async fn forged_host_is_refused_for_redirects() {
    let (_site, host) = serve().await;
    for line in [
        "example.com@evil.example",
        "example.com, evil.example",
        "example.com/evil",
        "example.com\\evil",
        "example.com#",
        "",
    ] {
        let mut connection = host.connect().await;
        connection
            .send(format!("GET /ssl/ HTTP/1.1\r\nhost: {line}\r\n\r\n"))
            .await;
        let res = connection.response().await;
        assert_eq!(res.status(), 400, "{line:?}: {:?}", res.header("location"));
    }
    let mut connection = host.connect().await;
    let two = "GET /ssl/ HTTP/1.1\r\nhost: example.com\r\nhost: evil.example\r\n\r\n";
    connection.send(two).await;
    assert_eq!(connection.response().await.status(), 400);
    // Headers of proxies are not trusted.
    let mut connection = host.connect().await;
    let forwarded = ["x-forwarded-host: evil.example", "x-forwarded-proto: https"];
    let res = ask(&mut connection, "GET /ssl/a", &forwarded).await;
    assert_eq!(res.header("location"), Some("https://test/ssl/a"));
}

#[tokio::test]
async fn long_range_lists_are_rejected_quickly() {
    let (_site, host) = serve().await;
    let mut connection = host.connect().await;
    let many = |part: &str| vec![part; 50_000 / (part.len() + 1)].join(",");
    let before = cpu_seconds(&host);
    for (line, status) in [
        // More than 100 ranges, and more bytes than there are (CVE-2011-3192, CVE-2024-26141).
        (format!("range: bytes={}", many("0-")), 200),
        (
            format!("range: bytes={}", vec!["0-999"; 100].join(",")),
            416,
        ),
        (format!("accept-encoding: {}, gzip", many("x;q=0.5")), 200),
        (format!("accept-encoding: {}", many(";")), 200),
        (
            format!("accept-encoding: gzip;q={}", "0".repeat(50_000)),
            200,
        ),
        (format!("if-none-match: {}", many("\"a\"")), 200),
        (format!("if-none-match: {}", "\"".repeat(50_000)), 200),
        (format!("if-none-match: {}", "W/".repeat(25_000)), 200),
        (format!("if-modified-since: {}", "1".repeat(50_000)), 200),
    ] {
        let res = ask(&mut connection, "GET /files/page.txt", &[&line]).await;
        assert_eq!(res.status(), status, "{}", &line[..30]);
    }
    // Unoptimised, all of them take some milliseconds; code that is not linear takes minutes.
    let used = cpu_seconds(&host) - before;
    assert!(used < 10.0, "{used} seconds");
}

/// Processor time that the worker has used, which other work on the machine does not change.
fn cpu_seconds(host: &Host) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", host.worker().as_raw_nonzero()));
    let stat = stat.expect("the worker runs");
    let fields = stat.rsplit_once(')').expect("the name ends").1;
    // `utime` and `stime` in ticks: fields 14 and 15 (proc_pid_stat(5)).
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks
        .map(|ticks| ticks.parse::<f64>().expect("a number"))
        .sum();
    ticks / 100.0
}

#[tokio::test]
async fn client_sets_no_sendfile_header() {
    let manifest = "use = [{ plugin = \"sendfile\", config = { variation = \"x-accel-redirect\", mappings = { \"public\" = \"/internal\" } } }]\n\
        run = { plugin = \"files\", config = { root = \"public\" } }\n";
    let (site, host) = serve().await;
    site.manifest(manifest);
    host.reload("swapped").await;
    let mut connection = host.connect().await;
    // CVE-2025-61780.
    let lines = [
        "x-sendfile-type: x-sendfile",
        "x-accel-mapping: /=/etc/",
        "x-stackup-file: 5 /etc/passwd",
    ];
    let res = ask(&mut connection, "GET /page.txt", &lines).await;
    assert_eq!(res.header("x-accel-redirect"), Some("/internal/page.txt"));
    assert_eq!(
        (res.header("x-sendfile"), res.header("x-stackup-file")),
        (None, None)
    );
}
