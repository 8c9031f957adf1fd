//! The manifests of `examples/` behave as their READMEs say.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use stackup_tests::http::Response;
use stackup_tests::{Connection, Host, Site, artifacts, print_skipped, within};

/// Serves an example in development with these plugins.
async fn example(name: &str, plugins: &[&str]) -> (Site, Host) {
    let folder = artifacts::workspace().join("examples").join(name);
    let manifest = fs::read_to_string(folder.join("config.ru.toml")).expect("a manifest");
    for plugin in plugins {
        assert!(
            manifest.contains(&format!("\"{plugin}\"")),
            "{name} has no {plugin}"
        );
    }
    let site = Site::new(&manifest, plugins);
    copy(&folder, site.path());
    let host = Host::start_in("development", &site).await;
    (site, host)
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let from = entry.expect("an entry").path();
        let to = to.join(from.file_name().expect("a name"));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("a copy");
        }
    }
}

async fn ask(connection: &mut Connection, start: &str, lines: &[&str], body: &str) -> Response {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    let head =
        format!("{start} HTTP/1.1\r\nhost: localhost\r\n{lines}content-length: {length}\r\n\r\n");
    connection.send(head + body).await;
    connection.response().await
}

#[tokio::test]
async fn static_site_example_serves() {
    let plugins = [
        "logger",
        "deflater",
        "security-headers",
        "maintenance",
        "static",
        "respond",
        "health",
        "redirect",
    ];
    let (site, host) = example("static-site", &plugins).await;
    let mut connection = host.connect().await;
    let page = connection.get("/").await;
    assert!(page.text().contains("<h1>A static site</h1>"), "{page}");
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let policy = page.header("content-security-policy");
    assert_eq!(policy, Some("default-src 'self'"));
    let packed = ask(
        &mut connection,
        "GET /",
        &["accept-encoding: gzip, zstd"],
        "",
    )
    .await;
    assert_eq!(packed.header("content-encoding"), Some("zstd"));
    let tag = format!("if-none-match: {}", page.header("etag").unwrap());
    assert_eq!(
        ask(&mut connection, "GET /", &[&tag], "").await.status(),
        304
    );
    let style = connection.get("/css/site.css").await;
    assert_eq!(style.header("cache-control"), Some("public, max-age=86400"));
    let old = connection.get("/old/css/site.css").await;
    assert_eq!(
        (old.status(), old.header("location")),
        (308, Some("/css/site.css"))
    );
    let gone = connection.get("/gone").await;
    assert_eq!(gone.status(), 404);
    assert!(gone.text().contains("There is no such page"), "{gone}");
    site.file("maintenance.on", "");
    let closed = connection.get("/").await;
    assert_eq!(closed.status(), 503);
    assert!(closed.text().contains("back in a moment"), "{closed}");
    assert_eq!(connection.get("/health").await.text(), "ok\n");
    host.message("\"GET /gone HTTP/1.1\" 404 ").await;
}

#[tokio::test]
async fn json_api_example_serves() {
    let plugins = [
        "request-id",
        "logger",
        "runtime",
        "show-exceptions",
        "timeout",
        "respond",
        "head",
        "conditional-get",
        "etag",
        "body-limit",
        "todos",
        "health",
    ];
    let (site, host) = example("json-api", &plugins).await;
    let mut connection = host.connect().await;
    let created = ask(
        &mut connection,
        "POST /todos",
        &[],
        "{\"text\":\"write a plugin\"}",
    )
    .await;
    assert_eq!(
        (created.status(), created.header("location")),
        (201, Some("/todos/1"))
    );
    assert_eq!(created.text(), "{\"id\":1,\"text\":\"write a plugin\"}");
    let id = created.header("x-request-id").unwrap().to_owned();
    let line = host.message(&id).await;
    assert!(line.message().contains("\"status\":201"), "{line}");
    let all = connection.get("/todos").await;
    assert_eq!(all.text(), "[{\"id\":1,\"text\":\"write a plugin\"}]");
    let tag = format!("if-none-match: {}", all.header("etag").unwrap());
    assert_eq!(
        ask(&mut connection, "GET /todos", &[&tag], "")
            .await
            .status(),
        304
    );
    assert_eq!(
        ask(&mut connection, "POST /todos", &[], "tea")
            .await
            .status(),
        400
    );
    let long = "x".repeat(5000);
    assert_eq!(
        ask(&mut connection, "POST /todos", &[], &long)
            .await
            .status(),
        413
    );
    // Another order: the app is kept, and so is its list.
    let manifest = fs::read_to_string(site.path().join("config.ru.toml")).unwrap();
    site.manifest(&manifest.replace("  \"runtime\",\n", ""));
    host.reload("swapped").await;
    let mut connection = host.connect().await;
    assert_eq!(connection.get("/todos/1").await.status(), 200);
    assert_eq!(
        ask(&mut connection, "DELETE /todos/1", &[], "")
            .await
            .status(),
        204
    );
    assert_eq!(connection.get("/todos/1").await.status(), 404);
    assert_eq!(
        connection.get("/").await.text(),
        "{\"error\":\"there is /todos\"}\n"
    );
    let health = connection.get("/health").await.text();
    assert!(health.starts_with("{\"status\":\"ok\""), "{health}");
}

#[tokio::test]
async fn admin_example_serves() {
    let plugins = [
        "logger",
        "show-exceptions",
        "respond",
        "desk",
        "basic-auth",
        "session",
        "headers",
    ];
    let (_site, host) = example("admin", &plugins).await;
    let mut connection = host.connect().await;
    assert!(connection.get("/").await.text().contains("This is for all"));
    let closed = connection.get("/admin").await;
    assert_eq!(closed.status(), 401);
    let challenge = closed.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Basic realm=\"Desk\""), "{challenge}");
    // ann:sesame
    const ANN: &str = "authorization: Basic YW5uOnNlc2FtZQ==";
    let mut cookie = "cookie: none=0".to_owned();
    for visit in 1..3 {
        let page = ask(&mut connection, "GET /admin", &[ANN, &cookie], "").await;
        let text = format!("Good day, ann. This is visit {visit} of this session.");
        assert!(page.text().contains(&text), "{page}");
        assert_eq!(page.header("cache-control"), Some("no-store"));
        let set = page.header("set-cookie").unwrap();
        assert!(set.to_ascii_lowercase().contains("httponly"), "{set}");
        cookie = format!("cookie: {}", set.split(';').next().unwrap());
    }
    let left = ask(&mut connection, "POST /admin/leave", &[ANN, &cookie], "").await;
    assert_eq!(
        (left.status(), left.header("location")),
        (303, Some("/admin"))
    );
    assert!(
        left.header("set-cookie")
            .unwrap()
            .starts_with("rack.session=;")
    );
    let forged = format!("{}x", &cookie[..cookie.len() - 1]);
    let page = ask(&mut connection, "GET /admin", &[ANN, &forged], "").await;
    assert!(page.text().contains("visit 1 of"), "{page}");
    // The cookie alone gives no access.
    assert_eq!(
        ask(&mut connection, "GET /admin", &[&cookie], "")
            .await
            .status(),
        401
    );
}

/// A stream of the example's events, as a browser opens it that has seen this one.
async fn events_after(host: &Host, last: u64) -> Connection {
    let mut events = host.connect().await;
    let head = format!("GET /events HTTP/1.1\r\nhost: localhost\r\nlast-event-id: {last}\r\n\r\n");
    events.send(head).await;
    let head = events.head().await;
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(events.chunk().await.expect("a line"), b"retry: 100\n\n");
    events
}

#[tokio::test]
async fn event_stream_example_ends_the_streams_whose_code_is_replaced() {
    let (site, mut host) = example("event-stream", &["respond", "ticker"]).await;
    let manifest = fs::read_to_string(site.path().join("config.ru.toml")).expect("a manifest");
    let mut events = events_after(&host, 6).await;
    let event = events.chunk().await.expect("an event");
    assert_eq!(event, b"id: 7\ndata: 7\n\n");
    // Another handler is replaced.
    let manifest = manifest.replace("<title>Events", "<title>News");
    site.manifest(&manifest);
    host.reload("swapped").await;
    assert!(host.get("/").await.text().contains("<title>News"));
    host.event("drained").await;
    let event = events.chunk().await.expect("an event");
    assert!(event.starts_with(b"id: "), "{event:?}");
    // Its own handler is.
    site.manifest(&manifest.replace("seconds = 1.0", "seconds = 600.0"));
    host.reload("swapped").await;
    while !events.chunk().await.expect("it is not cut").is_empty() {}
    host.event("drained").await;
    let mut events = events_after(&host, 9).await;
    host.signal(Signal::TERM);
    assert_eq!(events.chunk().await.expect("it is not cut"), b"");
    assert!(host.exited().await.success());
    let log = host.log().to_string();
    assert!(
        !log.contains("drain-deadline") && !log.contains("aborted"),
        "{log}"
    );
}

/// `examples/two-servers/run`, until it is dropped.
struct TwoServers {
    run: Child,
    address: String,
    /// Has the plugins, and in `runtime` the sockets.
    site: Site,
}

impl TwoServers {
    /// None, with a message, without nginx or Redis.
    fn start() -> Option<Self> {
        for (program, ask) in [("nginx", "-v"), ("redis-server", "--version")] {
            let mut asked = Command::new(program);
            let asked = asked.arg(ask).stdout(Stdio::null()).stderr(Stdio::null());
            if asked.status().is_err() {
                print_skipped(&format!("no `{program}`"));
                return None;
            }
        }
        let site = Site::new(
            "",
            &[
                "logger", "headers", "throttle", "session", "cache", "respond", "desk",
            ],
        );
        // nginx can't say which port it has got.
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address").to_string();
        drop(free);
        let run = Command::new(artifacts::workspace().join("examples/two-servers/run"))
            .env("STACKUP", artifacts::stackup())
            .env("PLUGINS", site.path().join("plugins"))
            .env("LISTEN", &address)
            .env("RUN", site.runtime())
            .spawn()
            .expect("it starts");
        Some(Self { run, address, site })
    }

    /// Waits until all accept connections: no request counts before.
    async fn ready(&self) {
        let socket = |name: &str| self.site.runtime().join(name).exists();
        within("both servers and nginx", async {
            while !(socket("one.sock") && socket("two.sock") && socket("nginx.pid")) {
                tokio::task::yield_now().await;
            }
            while Connection::try_tcp(&self.address).await.is_err() {}
        })
        .await;
    }

    /// Asks for a page with a cookie, and returns the response and the server that gave it.
    async fn ask(&self, path: &str, cookie: &str) -> (Response, String) {
        let mut connection = Connection::tcp(&self.address).await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n",
            self.address
        );
        connection.send(request).await;
        let response = connection.response().await;
        let server = response.header("x-served-by");
        let server = server.unwrap_or_else(|| panic!("{response}")).to_owned();
        (response, server)
    }

    /// Ends it, and all that it has started.
    async fn end(mut self) {
        kill_process(Pid::from_child(&self.run), Signal::TERM).expect("it runs");
        let ended = tokio::task::spawn_blocking(move || {
            let ended = self.run.wait();
            (ended, self)
        });
        let (ended, servers) = within("its end", ended).await.expect("it is waited for");
        assert!(ended.expect("an exit").success());
        assert!(Connection::try_tcp(&servers.address).await.is_err());
    }
}

impl Drop for TwoServers {
    fn drop(&mut self) {
        // Where a test has failed: SIGKILL would leave its children.
        if let Ok(None) = self.run.try_wait() {
            let _ = kill_process(Pid::from_child(&self.run), Signal::TERM);
            let _ = self.run.wait();
        }
    }
}

#[tokio::test]
async fn two_servers_example_shares_sessions_cache_and_counters() {
    let Some(servers) = TwoServers::start() else {
        return;
    };
    servers.ready().await;
    let started = Instant::now();
    let mut passed = 1;
    let first = servers.ask("/", "none=1").await.0;
    let cookie = first.header("set-cookie").expect("a session");
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let mut met = BTreeSet::new();
    for visit in 2..6 {
        let (page, server) = servers.ask("/", &cookie).await;
        let expected = format!("This is visit {visit} of this session");
        assert!(page.text().contains(&expected), "{page}");
        met.insert(server);
        passed += 1;
    }
    assert_eq!(met.len(), 2, "nginx asks them by turns");
    passed += purged_on_one_is_purged_on_the_other(&servers).await;
    let mut refused = BTreeSet::new();
    while refused.len() < 2 {
        let (response, server) = servers.ask("/", "none=1").await;
        match response.status() {
            200 => passed += 1,
            429 => drop(refused.insert(server)),
            _ => panic!("{response}"),
        }
    }
    // 20 at once, then one every three seconds.
    let most = 20 + started.elapsed().as_secs() / 3 + 1;
    assert!((20..=most).contains(&passed), "{passed} of {most}");
    servers.end().await;
}

/// Returns how many requests it took.
async fn purged_on_one_is_purged_on_the_other(servers: &TwoServers) -> u64 {
    let news = async || {
        let (response, server) = servers.ask("/news", "none=1").await;
        let status = response.header("cache-status");
        let status = status.unwrap_or_else(|| panic!("{response}"));
        (status.contains("; hit"), server)
    };
    assert!(!news().await.0);
    let url = format!("http://{}/news", servers.address);
    let mut requests = 1;
    loop {
        let (hit, one) = news().await;
        assert!(hit, "whichever has stored it");
        let control = servers.site.runtime().join(format!("{one}.control"));
        let control = control.to_str().expect("a path");
        let purge = ["cache", "purge", "--control", control, &url];
        let said = servers.site.stackup(&purge).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        let (hit, next) = news().await;
        assert!(!hit, "{said:?}");
        requests += 2;
        if next != one {
            return requests;
        }
    }
}
