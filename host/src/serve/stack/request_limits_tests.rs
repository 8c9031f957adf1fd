use super::*;
use crate::load::manifest::{Settings, Source, parse};

fn limits(maps: &str) -> LimitsByLocation {
    let source = Source {
        path: "config.ru.toml".into(),
        text: format!("run = \"a\"\n[limits]\nbody_bytes = 1\nrequest_timeout = \"1s\"\n{maps}"),
    };
    let settings = Settings {
        environment: "test",
        variable: &|_| None,
        embedded: None,
    };
    LimitsByLocation::of(&parse(&source, &settings).unwrap().manifest)
}

fn body_bytes(limits: &LimitsByLocation, host: &str, path: &str) -> Option<u64> {
    let request = Request::get(path).header("host", host).body(()).unwrap();
    limits.get(&request).body_bytes.value
}

#[test]
fn innermost_map_sets_limits_and_others_come_from_around() {
    let limits = limits(
        r#"
        [[map]]
        path = "/upload"
        limits = { body_bytes = 2, send_timeout = "off" }
        run = "a"
          [[map.map]]
          path = "/large"
          limits = { body_bytes = "off", request_timeout = "1h" }
          run = "a"
          [[map.map]]
          path = "/plain"
          run = "a"
        "#,
    );
    for (path, bytes) in [
        ("/", Some(1)),
        ("/uploads", Some(1)),
        ("/upload", Some(2)),
        ("/upload/larger", Some(2)),
        ("/upload/plain/x", Some(2)),
        ("/upload/large", None),
        ("/upload/large/x", None),
    ] {
        assert_eq!(body_bytes(&limits, "a", path), bytes, "{path}");
    }
    let request = Request::get("/upload/large").body(()).unwrap();
    let large = limits.get(&request);
    assert_eq!(large.send_timeout.value, None);
    let hour = Some(Duration::from_secs(3600));
    assert_eq!(large.request_timeout.value, hour);
    let place = large.send_timeout.place("send_timeout");
    assert_eq!(place, "`send_timeout` in `limits` of the map `/upload`");
    let place = large.body_bytes.place("body_bytes");
    assert_eq!(place, "`body_bytes` in `limits` of the map `/upload/large`");
    let place = large.body_timeout.place("body_timeout");
    assert_eq!(place, "`[limits] body_timeout`");
}

#[test]
fn limits_are_those_of_the_map_that_routes() {
    let limits = limits(
        r#"
        [[map]]
        path = "/upload"
        limits.body_bytes = 2
        run = "a"
        [[map]]
        path = "/"
        host = "b.example"
        run = "a"
        [[map]]
        path = "/upload/x"
        host = "c.example:80"
        limits.body_bytes = 3
        run = "a"
        "#,
    );
    for (host, path, bytes) in [
        ("a.example", "/upload/x", 2),
        // This host's map takes it, and has no limits of its own.
        ("b.example", "/upload/x", 1),
        ("c.example:80", "/upload/x", 3),
        ("c.example", "/upload/x", 2),
    ] {
        assert_eq!(body_bytes(&limits, host, path), Some(bytes), "{host}{path}");
    }
}

#[test]
fn maps_without_limits_are_not_looked_at() {
    let none = limits("[[map]]\npath = \"/x\"\nrun = \"a\"\n");
    assert!(none.maps.is_empty());
    let below = "[[map]]\npath = \"/x\"\nrun = \"a\"\n[[map.map]]\npath = \"/y\"\nrun = \"a\"\n";
    let deep = limits(&format!("{below}limits.body_bytes = 7\n"));
    assert_eq!(body_bytes(&deep, "a", "/x/y"), Some(7));
    assert_eq!(body_bytes(&deep, "a", "/x"), Some(1));
}
