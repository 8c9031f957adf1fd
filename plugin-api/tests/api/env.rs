use stackup_plugin::testing::{self, TestRequest, block_on, get, post};
use stackup_plugin::{Method, Request, Result};

/// What `f` returns in an app for this request.
fn ask(request: TestRequest, f: fn(Request) -> String) -> String {
    let app = testing::app_fn(move |req: Request| async move { f(req) }).unwrap();
    block_on(async { app.answer(request).await?.finish().await }).unwrap()
}

fn value(request: TestRequest, name: &'static str) -> Option<String> {
    let app = testing::app_fn(move |req: Request| async move {
        match req.env().get(name) {
            Some(value) => format!("+{value}"),
            None => String::new(),
        }
    });
    let text = block_on(async { app.unwrap().answer(request).await?.finish().await }).unwrap();
    text.strip_prefix('+').map(str::to_owned)
}

#[test]
fn certificate_is_in_the_env_of_its_request_only() {
    let known = || get("/").client_certificate("CN=alice,O=Example", &["a.test", "b.test"]);
    for (name, expected) in [
        ("SSL_CLIENT_S_DN", "CN=alice,O=Example"),
        ("SSL_CLIENT_S_DN_CN", "alice"),
        ("SSL_CLIENT_SAN_DNS_0", "a.test"),
        ("SSL_CLIENT_SAN_DNS_1", "b.test"),
        ("rack.url_scheme", "https"),
    ] {
        assert_eq!(value(known(), name).as_deref(), Some(expected), "{name}");
    }
    assert_eq!(value(known(), "SSL_CLIENT_SAN_DNS_2"), None);
    let forged = || {
        get("/")
            .header("ssl-client-s-dn", "CN=alice")
            .header("ssl_client_s_dn", "CN=alice")
    };
    assert_eq!(value(forged(), "SSL_CLIENT_S_DN"), None);
    assert_eq!(value(forged(), "SSL_CLIENT_SAN_DNS_0"), None);
}

#[test]
fn env_has_rack_names() {
    let request = || {
        post("/a%20b/c?d=e?f", "body")
            .header("host", "Example.com:81")
            .header("content-type", "text/css")
            .header("content-length", "4")
            .header("x-a-b", "1")
            .header("x-a-b", "2")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
    };
    for (name, expected) in [
        ("REQUEST_METHOD", "POST"),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", "/a%20b/c"),
        ("QUERY_STRING", "d=e?f"),
        ("SERVER_NAME", "Example.com"),
        ("SERVER_PORT", "81"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REMOTE_PORT", "50000"),
        ("rack.url_scheme", "http"),
        ("CONTENT_TYPE", "text/css"),
        ("CONTENT_LENGTH", "4"),
        ("HTTP_X_A_B", "1, 2"),
        ("HTTP_COOKIE", "a=1; b=2"),
    ] {
        assert_eq!(value(request(), name).as_deref(), Some(expected), "{name}");
    }
    for name in [
        "HTTP_CONTENT_TYPE",
        "HTTP_CONTENT_LENGTH",
        "HTTP_NONE",
        "NONE",
        "REMOTE_USER",
    ] {
        assert_eq!(value(request(), name), None, "{name}");
    }
}

#[test]
fn server_name_without_host_is_local_address() {
    assert_eq!(value(get("/"), "SERVER_NAME").unwrap(), "127.0.0.1");
    assert_eq!(value(get("/"), "SERVER_PORT").unwrap(), "9292");
    assert_eq!(
        value(get("/").header("host", "a.b"), "SERVER_PORT").unwrap(),
        "80"
    );
    assert_eq!(value(get("http://c.d:8/x"), "SERVER_NAME").unwrap(), "c.d");
}

#[test]
fn iteration_yields_every_name_once() {
    let request = get("/x")
        .header("a", "1")
        .header("content-type", "t/t")
        .env("own", "2")
        .env("PATH_INFO", "/y");
    let text = ask(request, |req| {
        let pairs = req
            .env()
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("\n")
    });
    let lines: Vec<_> = text.lines().collect();
    for line in [
        "REQUEST_METHOD=GET",
        "QUERY_STRING=",
        "CONTENT_TYPE=t/t",
        "HTTP_A=1",
        "own=2",
        "PATH_INFO=/y",
    ] {
        assert_eq!(
            lines.iter().filter(|&&l| l == line).count(),
            1,
            "{line} in {text}"
        );
    }
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("PATH_INFO="))
            .count(),
        1
    );
}

#[test]
fn underscore_in_header_is_not_a_dash() {
    let request = || get("/").header("x_user", "evil").header("x-user", "good");
    assert_eq!(value(request(), "HTTP_X_USER").unwrap(), "good");
    assert_eq!(
        value(get("/").header("x_user", "evil"), "HTTP_X_USER"),
        None
    );
}

#[test]
fn env_values_reach_layers_below() {
    async fn set(mut req: Request, next: stackup_plugin::Next<'_>) -> Result {
        req.env_mut().set("a", "1");
        req.env_mut().set("b", "2");
        req.env_mut().set("a", "3");
        req.env_mut().remove("b");
        next.run(req).await
    }
    let app = testing::app_fn(async |req: Request| {
        format!("{:?} {:?}", req.env().get("a"), req.env().get("b"))
    });
    let stack = testing::middleware_fn(set).unwrap().over(app.unwrap());
    let text = block_on(async { stack.answer(get("/")).await?.finish().await }).unwrap();
    assert_eq!(text, r#"Some("3") None"#);
}

#[test]
fn invalid_script_name_or_path_info_is_rejected() {
    let text = ask(get("/a/b?c"), |mut req| {
        req.set_script_name("/a").unwrap();
        req.set_path_info("/b").unwrap();
        let bad = [
            req.set_script_name("/").is_err(),
            req.set_script_name("a").is_err(),
            req.set_script_name("/a/").is_err(),
            req.set_script_name("/..").is_err(),
            req.set_path_info("b").is_err(),
            req.set_path_info("/%zz").is_err(),
            req.set_path_info("/x/../..").is_err(),
            req.set_path_info("*").is_err(),
            req.set_uri(&"/../a".parse().unwrap()).is_err(),
            req.go_to("/../b").is_err(),
            req.go_to("b").is_err(),
        ];
        assert!(bad.iter().all(|refused| *refused), "{bad:?}");
        req.set_path_info("").unwrap();
        let before = format!("{} {}", req.script_name(), req.path());
        req.set_uri(&"/x?y".parse().unwrap()).unwrap();
        req.set_method(&Method::PUT);
        format!(
            "{before} | {} {} {} {}",
            req.script_name(),
            req.path_info(),
            req.query(),
            req.method()
        )
    });
    assert_eq!(text, "/a /a |  /x y PUT");
}

#[test]
fn all_target_forms_parse() {
    for (method, target) in [
        (Method::GET, "/a?b=c"),
        (Method::GET, "http://a.b:8/c?d"),
        (Method::OPTIONS, "*"),
        (Method::CONNECT, "a.b:443"),
        (Method::GET, "/a%20b"),
    ] {
        let text = ask(testing::request(method, target), |req| {
            req.uri().to_string()
        });
        assert_eq!(text, target);
    }
}

/// What the layers below see after a change: SCRIPT_NAME, PATH_INFO, the whole path, and what the client sent.
fn seen_after(target: &str, change: fn(&mut Request)) -> String {
    let app = testing::app_fn(move |mut req: Request| async move {
        change(&mut req);
        let original = req.env().get("REQUEST_URI").unwrap_or_default();
        let (script, info) = (req.script_name(), req.path_info());
        format!("[{script}] [{info}] {} {original}", req.path())
    });
    block_on(async { app.unwrap().answer(get(target)).await?.finish().await }).unwrap()
}

#[test]
fn path_is_canonical_and_the_original_is_in_the_env() {
    for (target, expected) in [
        ("/a?b", "[] [/a] /a /a?b"),
        ("/%61/../b?%61", "[] [/b] /b /%61/../b?%61"),
        ("http://h.example/%61", "[] [/a] /a http://h.example/%61"),
    ] {
        assert_eq!(seen_after(target, |_| {}), expected, "{target}");
    }
    let above = testing::app_fn(async |_req: Request| "").unwrap();
    assert!(block_on(above.answer(get("/../a"))).is_err());
}

#[test]
fn changed_paths_are_canonical_parts_of_one_path() {
    type Change = fn(&mut Request);
    let cases: [(Change, &str); 7] = [
        (
            |req| req.set_path_info("/%62//c").unwrap(),
            "[] [/b/c] /b/c /a",
        ),
        (
            |req| req.set_script_name("/%73").unwrap(),
            "[/s] [/a] /s/a /a",
        ),
        (|req| req.set_path_info("").unwrap(), "[] [] / /a"),
        (|req| req.set_path_info("*").unwrap(), "[] [*] * /a"),
        (
            |req| {
                req.set_path_info("").unwrap();
                req.set_script_name("/s").unwrap();
            },
            "[/s] [] /s /a",
        ),
        (|req| req.go_to("/x/%2e%2E/y?q").unwrap(), "[] [/y] /y /a"),
        (
            |req| {
                req.set_script_name("/s").unwrap();
                req.go_to("/%7e").unwrap();
            },
            "[/s] [/~] /s/~ /a",
        ),
    ];
    for (at, (change, expected)) in cases.into_iter().enumerate() {
        assert_eq!(seen_after("/a", change), expected, "case {at}");
    }
}

#[test]
fn going_elsewhere_keeps_the_host() {
    let text = ask(get("http://h.example/a"), |mut req| {
        req.go_to("/b").unwrap();
        req.env()
            .get("SERVER_NAME")
            .unwrap_or_default()
            .into_owned()
    });
    assert_eq!(text, "h.example");
}
