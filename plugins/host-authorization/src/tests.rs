use stackup_plugin::testing::{self, Json, Mounted, TestRequest, block_on, get, json};

use super::*;

fn mounted(config: Json) -> Mounted {
    testing::middleware::<HostAuthorization>(config).unwrap()
}

fn status(middleware: &Mounted, request: TestRequest) -> u16 {
    block_on(async {
        let res = middleware.call(request, async |_req: Request| "app").await;
        res.unwrap().status().as_u16()
    })
}

fn to(host: &str) -> TestRequest {
    get("/").header("host", host)
}

#[test]
fn known_hosts_are_served() {
    let hosts = ["www.example.com", ".Example.org", "10.0.0.0/8", "::1"];
    let middleware = mounted(json!({ "hosts": hosts }));
    for host in [
        "www.example.com",
        "WWW.example.com:8080",
        "example.org",
        "a.b.example.org:1",
        "10.1.2.3",
        "10.1.2.3:80",
        "[::1]",
        "[::1]:80",
        "[::ffff:10.1.2.3]",
    ] {
        assert_eq!(status(&middleware, to(host)), 200, "{host}");
    }
    for host in [
        "",
        "example.com",
        "evil.www.example.com",
        "www.example.com.evil.org",
        "badexample.org",
        ".example.org",
        "evil.org/.example.org",
        "evil.org:1.example.org",
        "evil.org#.example.org",
        "u@www.example.com",
        "www.example.com:x",
        "www.example.com:80:80",
        "www.example.com:80@evil.org",
        "11.1.2.3",
        "[::2]",
        "[::1",
        "[::1]x",
        "10.1.2.3.evil.org",
        "0x0a010203",
    ] {
        assert_eq!(status(&middleware, to(host)), 421, "{host}");
    }
}

#[test]
fn every_host_name_counts() {
    let middleware = mounted(json!({ "hosts": ["a.test", "b.test"] }));
    let forwarded = |host: &str| to("a.test").header("x-forwarded-host", host);
    assert_eq!(status(&middleware, forwarded("b.test")), 200);
    assert_eq!(status(&middleware, forwarded("b.test, a.test")), 200);
    for host in ["evil.org", "evil.org, a.test", "a.test, evil.org", ""] {
        assert_eq!(status(&middleware, forwarded(host)), 421, "{host}");
    }
    let forwarded = |field: &str| to("a.test").header("forwarded", field);
    assert_eq!(
        status(&middleware, forwarded("for=192.0.2.1;host=b.test")),
        200
    );
    assert_eq!(
        status(&middleware, forwarded("for=192.0.2.1;proto=https")),
        200
    );
    for field in [
        "host=evil.org",
        "for=x;host=\"evil.org:80\", host=a.test",
        "host=a.test;HOST=evil.org",
        "host=\"a.test",
        "for=x host=evil.org",
    ] {
        assert_eq!(status(&middleware, forwarded(field)), 421, "{field}");
    }
    let twice = to("a.test").header("host", "evil.org");
    assert_eq!(status(&middleware, twice), 421);
    let absolute = get("http://evil.org/").header("host", "a.test");
    assert_eq!(status(&middleware, absolute), 421);
    assert_eq!(status(&middleware, get("http://a.test/")), 200);
    assert_eq!(status(&middleware, get("/")), 421);
}

#[test]
fn log_has_the_name_that_is_not_known() {
    let middleware = mounted(json!({ "hosts": ["a.test"] }));
    let refused = |request: TestRequest, place: &str| {
        let log = testing::log();
        assert_eq!(status(&middleware, request), 421, "{place}");
        let line = log.lines()[0].to_string();
        assert!(line.contains(&format!("whose {place} is not")), "{line}");
        assert!(
            line.contains("host=") && line.contains("evil.org"),
            "{line}"
        );
    };
    let with = |name, value| to("a.test").header(name, value);
    refused(to("evil.org"), "`host`");
    refused(
        with("x-forwarded-host", "a.test, evil.org"),
        "`x-forwarded-host`",
    );
    refused(with("x-forwarded-host", "evil.org"), "`x-forwarded-host`");
    refused(
        with("forwarded", "for=1.2.3.4;host=evil.org"),
        "`forwarded`",
    );
    refused(
        with("forwarded", "host=a.test, Host=\"evil.org:80\""),
        "`forwarded`",
    );
    refused(get("http://evil.org/").header("host", "a.test"), "target");
    refused(to("[::1]evil.org"), "`host`");
    refused(to("a.test@evil.org"), "`host`");
    let forwarded = with("forwarded", "for=1.2.3.4;host=\"a.test:8080\"");
    assert_eq!(status(&middleware, forwarded), 200);
    assert_eq!(status(&middleware, to("a.test.")), 200, "the root's dot");
}

#[test]
fn excluded_paths_are_served_for_every_host() {
    let middleware = mounted(json!({ "hosts": ["a.test"], "exclude": ["/health"] }));
    let path = |path: &str| get(path).header("host", "10.0.0.1");
    assert_eq!(status(&middleware, path("/health")), 200);
    assert_eq!(status(&middleware, path("/health/deep")), 200);
    assert_eq!(status(&middleware, path("/healthy")), 421);
}

#[test]
fn response_does_not_repeat_the_host() {
    block_on(async {
        let middleware = mounted(json!({ "hosts": ["a.test"] }));
        let log = testing::log();
        let request = to("<script>.evil.org");
        let res = middleware
            .call(request, async |_req: Request| "app")
            .await
            .unwrap();
        assert_eq!(res.finish().await.unwrap(), "");
        assert!(log.lines()[0].to_string().contains("evil.org"));
    });
}

#[test]
fn development_admits_local_hosts() {
    let hosts = Config::default().hosts("development").unwrap();
    for host in [
        "localhost:9292",
        "app.localhost",
        "x.test",
        "127.0.0.1:1",
        "[::1]:1",
    ] {
        assert!(hosts.contain(host), "{host}");
    }
    assert!(!hosts.contain("example.com"));
}

#[test]
fn error_points_at_the_key() {
    for (config, place) in [
        (json!({}), "hosts"),
        (json!({ "hosts": ["a.test", "https://a.test"] }), "hosts[1]"),
        (json!({ "hosts": ["a.test:80"] }), "hosts[0]"),
        (json!({ "hosts": ["*.a.test"] }), "hosts[0]"),
        (json!({ "hosts": [""] }), "hosts[0]"),
    ] {
        let error = testing::middleware::<HostAuthorization>(config.clone())
            .err()
            .unwrap();
        assert_eq!(error.place(), place, "{config}");
    }
}
