use std::sync::{Arc, Mutex};

use stackup_plugin::testing::{self, Json, Mounted, block_on, get, json, post};
use stackup_plugin::{Body, Error, Request, Result, StatusCode};

use crate::Proxy;

type Seen = Arc<Mutex<Vec<String>>>;

pub(crate) fn proxy(config: Json) -> Mounted {
    testing::app::<Proxy>(config).unwrap()
}

/// Servers that answer with their name; those in `broken` fail with this status, which is that of the error if a server has
/// seen the request.
fn servers(broken: &'static [(&'static str, u16)]) -> Seen {
    let seen = Seen::default();
    let list = Arc::clone(&seen);
    testing::server(move |mut req: Request| {
        let list = Arc::clone(&list);
        async move {
            let uri = req.uri();
            let name = uri.host().unwrap_or_default().to_owned();
            let line = format!("{} {uri}", req.method());
            list.lock().unwrap().push(line);
            if let Some((_, status)) = broken.iter().find(|(broken, _)| *broken == name) {
                if *status != 500 {
                    let _ = req.take_body().collect(1 << 20).await;
                }
                let why = format!("http://{name}: it is broken");
                return Err(Error::new(StatusCode::from_u16(*status)?, why));
            }
            let body = req.take_body().collect(1 << 20).await?;
            Ok::<_, Error>(format!("{name}:{}", String::from_utf8_lossy(&body.bytes)))
        }
    });
    seen
}

pub(crate) fn answer(mounted: &Mounted, request: testing::TestRequest) -> Result<String> {
    block_on(async { mounted.answer(request).await?.finish().await })
}

fn take(seen: &Seen) -> Vec<String> {
    std::mem::take(&mut *seen.lock().unwrap())
}

/// The request's head as a server sees it.
fn head(config: Json, request: testing::TestRequest) -> String {
    testing::server(async |req: Request| {
        let mut lines = vec![format!("{} {}", req.method(), req.uri())];
        for (name, value) in req.headers().iter() {
            lines.push(format!("{name}: {}", value.to_str().unwrap_or("?")));
        }
        lines.join("\n")
    });
    answer(&proxy(config), request).unwrap()
}

#[test]
fn request_goes_on_with_what_the_host_knows_of_the_client() {
    let request = get("/a/b?c=d")
        .header("host", "site.test")
        .header("x-forwarded-for", "6.6.6.6")
        .header("x-forwarded-port", "6")
        .header("x-real-ip", "6.6.6.6")
        .header("forwarded", "for=6.6.6.6")
        .header("x-own", "1")
        .remote("[2001:db8::7]:9".parse().unwrap());
    let expected = "GET http://app:3000/a/b?c=d\nhost: site.test\nx-own: 1\n\
                    x-forwarded-for: 2001:db8::7\nx-forwarded-proto: http\nx-forwarded-host: site.test\nvia: 1.1 stackup";
    assert_eq!(
        head(json!({ "to": ["http://app:3000"] }), request),
        expected
    );
}

#[test]
fn forwarded_is_the_standards_header() {
    let request = get("/")
        .header("host", "site.test")
        .remote("[2001:db8::7]:9".parse().unwrap());
    let config = json!({ "to": ["http://app"], "forwarded": "forwarded", "host": "upstream" });
    let expected = "GET http://app/\n\
                    forwarded: for=\"[2001:db8::7]\";proto=http;host=\"site.test\"\nvia: 1.1 stackup";
    assert_eq!(head(config, request), expected);
    let config = json!({ "to": ["http://app"], "forwarded": "remove" });
    let request = get("/").header("x-forwarded-host", "evil.test");
    assert_eq!(head(config, request), "GET http://app/\nvia: 1.1 stackup");
}

#[test]
fn servers_path_comes_before_the_requests() {
    let config = json!({ "to": ["http://app/v2/"] });
    assert!(head(config, get("/a?b")).starts_with("GET http://app/v2/a?b\n"));
}

#[test]
fn path_below_the_map_goes_with_the_maps_own_part_in_a_header() {
    let config = json!({ "to": ["http://app"], "path": "inner" });
    for (path, expected) in [("/shop/cart?b", "/cart?b"), ("/shop", "/")] {
        let head = head(config.clone(), get(path).script_name("/shop"));
        assert!(
            head.starts_with(&format!("GET http://app{expected}\n")),
            "{head}"
        );
        assert!(head.contains("\nx-forwarded-prefix: /shop\n"), "{head}");
    }
    let head = head(config, get("/cart"));
    assert!(!head.contains("x-forwarded-prefix"), "{head}");
}

#[test]
fn target_that_is_no_path_becomes_one() {
    let request = testing::request("OPTIONS".parse().unwrap(), "*");
    let head = head(json!({ "to": ["http://app"] }), request);
    assert!(head.starts_with("OPTIONS http://app/\n"), "{head}");
}

#[test]
fn response_goes_back_with_via() {
    servers(&[]);
    block_on(async {
        let proxy = proxy(json!({ "to": "http://one" }));
        let res = proxy.answer(get("/")).await.unwrap();
        assert_eq!(res.header("via"), Some("1.1 stackup"));
    });
}

#[test]
fn servers_take_turns() {
    let seen = servers(&[]);
    let proxy = proxy(json!({ "to": ["http://one", "http://two", "http://three"] }));
    for _ in 0..6 {
        answer(&proxy, get("/")).unwrap();
    }
    let mut lines = take(&seen);
    lines.sort();
    lines.dedup_by(|a, b| a == b);
    assert_eq!(lines.len(), 3);
}

#[test]
fn request_that_no_server_has_seen_goes_to_another_with_its_body() {
    let seen = servers(&[("one", 500)]);
    let proxy = proxy(json!({ "to": ["http://one", "http://two"] }));
    for _ in 0..2 {
        let body = Body::from("text");
        assert_eq!(answer(&proxy, post("/", body)).unwrap(), "two:text");
    }
    assert!(take(&seen).contains(&"POST http://one/".to_owned()));
}

#[test]
fn request_that_a_server_may_have_seen_is_repeated_only_where_that_does_nothing() {
    let seen = servers(&[("one", 502), ("two", 502)]);
    let proxy = proxy(json!({ "to": ["http://one", "http://two"], "failures": 0 }));
    assert_eq!(
        answer(&proxy, get("/")).unwrap_err().status(),
        StatusCode::BAD_GATEWAY
    );
    assert_eq!(take(&seen).len(), 2, "a GET is tried on both");
    let query = testing::request("QUERY".parse().unwrap(), "/");
    answer(&proxy, query).unwrap_err();
    assert_eq!(take(&seen).len(), 2, "so is a QUERY");
    answer(&proxy, post("/", "")).unwrap_err();
    assert_eq!(take(&seen).len(), 1, "a POST is not repeated");
    let put = testing::request("PUT".parse().unwrap(), "/").body("text");
    answer(&proxy, put).unwrap_err();
    assert_eq!(take(&seen).len(), 1, "the body of a PUT is gone");
}

#[test]
fn server_that_was_too_slow_is_not_asked_twice() {
    let seen = servers(&[("one", 504), ("two", 504)]);
    let proxy = proxy(json!({ "to": ["http://one", "http://two"] }));
    assert_eq!(
        answer(&proxy, get("/")).unwrap_err().status(),
        StatusCode::GATEWAY_TIMEOUT
    );
    assert_eq!(take(&seen).len(), 1);
}

#[test]
fn server_that_fails_gets_no_requests_for_a_while() {
    let log = testing::log();
    let seen = servers(&[("one", 500)]);
    let proxy =
        proxy(json!({ "to": ["http://one", "http://two"], "failures": 2, "cool_down": 600 }));
    for _ in 0..20 {
        assert_eq!(answer(&proxy, get("/")).unwrap(), "two:");
    }
    let asked = take(&seen)
        .iter()
        .filter(|line| line.contains("one"))
        .count();
    assert_eq!(asked, 2);
    assert_eq!(
        log.messages(),
        ["http://one gets no requests for 600s: it is broken"]
    );
}

#[test]
fn one_server_is_asked_whatever_it_has_done() {
    let seen = servers(&[("one", 500)]);
    let proxy = proxy(json!({ "to": ["http://one"], "failures": 1 }));
    for _ in 0..3 {
        assert_eq!(
            answer(&proxy, get("/")).unwrap_err().status(),
            StatusCode::BAD_GATEWAY
        );
    }
    assert_eq!(
        take(&seen).len(),
        3,
        "and once each: it would refuse the connection again"
    );
}

#[test]
fn hash_keeps_a_client_with_a_server() {
    servers(&[]);
    let proxy = proxy(json!({
        "to": ["http://one", "http://two", "http://three"], "balance": { "hash": "cookie:id" },
    }));
    let of = |id: u32| answer(&proxy, get("/").header("cookie", &format!("a=b; id={id}"))).unwrap();
    let mut used: Vec<_> = (0..30).map(of).collect();
    assert_eq!(used, (0..30).map(of).collect::<Vec<_>>());
    used.sort();
    used.dedup();
    assert_eq!(used.len(), 3, "all servers have clients");
}

#[test]
fn another_attempt_goes_to_another_server_also_by_hash() {
    servers(&[("one", 500)]);
    let proxy = proxy(json!({
        "to": ["http://one", "http://two"], "balance": { "hash": "cookie:id" }, "failures": 0,
    }));
    for id in 0..30 {
        let request = get("/").header("cookie", &format!("id={id}"));
        assert_eq!(answer(&proxy, request).unwrap(), "two:");
    }
}

#[test]
fn least_busy_counts_a_request_until_its_body_has_ended() {
    servers(&[]);
    let proxy = proxy(json!({ "to": ["http://one", "http://two"], "balance": "least-busy" }));
    block_on(async {
        let first = proxy.answer(get("/")).await.unwrap();
        let second = proxy.answer(get("/")).await.unwrap();
        let first = first.finish().await.unwrap();
        // `second` is still in flight.
        for _ in 0..3 {
            let next = proxy
                .answer(get("/"))
                .await
                .unwrap()
                .finish()
                .await
                .unwrap();
            assert_eq!(next, first);
        }
        assert_ne!(second.finish().await.unwrap(), first);
    });
}

#[test]
fn config_is_checked() {
    for (config, expected) in [
        (json!({ "to": [] }), "there is no server"),
        (json!({ "to": "app:80" }), "`app:80`: it begins with none"),
        (
            json!({ "to": ["app:80"] }),
            "`app:80`: it begins with none of `http://`, `https://` and `unix:`",
        ),
        (
            json!({ "to": "http://app", "ca": "ca.pem" }),
            "no server in `to` is reached by https",
        ),
        (
            json!({ "to": "https://app", "ca": "none.pem" }),
            "none.pem: ",
        ),
        (
            json!({ "to": ["http://"] }),
            "it has no valid host and port",
        ),
        (
            json!({ "to": ["http://app:99999"] }),
            "it has no valid host and port",
        ),
        (json!({ "to": ["http://u:p@app"] }), "a name and a password"),
        (
            json!({ "to": ["http://app/a?b"] }),
            "neither a query nor a fragment",
        ),
        (
            json!({ "to": ["unix:"] }),
            "the path of the socket is missing",
        ),
        (json!({ "to": ["http://a", "http://a/"] }), "is there twice"),
        (
            json!({ "to": ["http://a"], "cool_down": 0 }),
            "0 is not a number of seconds",
        ),
        (
            json!({ "to": ["http://a"], "balance": { "hash": "ip" } }),
            "`ip` is not `client`",
        ),
        (
            json!({ "to": ["http://a"], "balance": { "hash": "header:a b" } }),
            "no header's name",
        ),
        (
            json!({ "to": ["http://a"], "check": { "path": "up" } }),
            "does not begin with `/`",
        ),
    ] {
        let error = testing::app::<Proxy>(config).err().unwrap();
        assert!(
            error.to_string().contains(expected),
            "{error}, not {expected}"
        );
    }
}

#[test]
fn offer_of_the_client_is_the_proxys_but_for_http() {
    testing::server(async |mut req: Request| {
        let offered: Vec<_> = req.protocols().map(str::to_owned).collect();
        assert_eq!(offered, ["echo", "irc"]);
        req.upgrade("echo", |mut stream| async move {
            while let Some(bytes) = stream.read().await? {
                stream.write(bytes).await?;
            }
            Ok(())
        })
    });
    let proxy = proxy(json!({ "to": "http://app" }));
    block_on(async {
        let request = get("/").offering("h2c, echo, irc", "Hello?");
        let res = proxy.answer(request).await.unwrap();
        assert_eq!(res.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(res.accepted(), Some("echo"));
        assert_eq!(res.finish().await.unwrap(), "Hello?");
    });
}
