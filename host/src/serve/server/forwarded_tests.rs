use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::load::manifest::{Settings, Source, parse as parse_manifest};

fn trusted(proxies: &str) -> TrustedProxies {
    let text = format!("run = \"x\"\n[server]\ntrusted_proxies = {proxies}\n");
    let path = "config.ru.toml";
    let settings = Settings {
        environment: "test",
        variable: &|_| None,
        embedded: None,
    };
    let parsed = parse_manifest(
        &Source {
            path: path.into(),
            text,
        },
        &settings,
    )
    .unwrap();
    parsed.manifest.server.trusted_proxies
}

fn read(lines: &[(&str, &str)]) -> Result<Forwarded, ForwardedError> {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    Forwarded::read(&headers, &trusted("[\"10.0.0.0/8\", \"fd00::/8\"]"))
}

/// The client's address, its scheme and its host, as text.
fn said(lines: &[(&str, &str)]) -> String {
    let Forwarded {
        client,
        https,
        host,
    } = read(lines).unwrap();
    let client = client.map_or("-".to_owned(), |client| client.to_string());
    let scheme = match https {
        Some(true) => "https",
        Some(false) => "http",
        None => "-",
    };
    let host = host.map_or("-".to_owned(), |host| host.to_string());
    format!("{client} {scheme} {host}")
}

#[test]
fn x_forwarded_for_is_read_up_to_the_first_untrusted_address() {
    for (value, wanted) in [
        ("192.0.2.1", "192.0.2.1:0"),
        ("192.0.2.1:4711", "192.0.2.1:4711"),
        ("192.0.2.9, 192.0.2.1", "192.0.2.1:0"),
        ("192.0.2.9, 192.0.2.1, 10.0.0.2", "192.0.2.1:0"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3:0"),
        ("2001:db8::1", "[2001:db8::1]:0"),
        ("[2001:db8::1]:80, fd00::1", "[2001:db8::1]:80"),
        ("[2001:db8::1]", "[2001:db8::1]:0"),
        ("::ffff:192.0.2.1", "192.0.2.1:0"),
        ("192.0.2.9, unknown, 10.0.0.2", "10.0.0.2:0"),
        ("192.0.2.9, unknown", "-"),
        (" , 192.0.2.1,, ", "192.0.2.1:0"),
        ("", "-"),
        ("localhost", "-"),
        ("192.0.2.1:99999", "-"),
    ] {
        let said = said(&[("x-forwarded-for", value)]);
        assert_eq!(said, format!("{wanted} - -"), "{value}");
    }
    let lines = [
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-for", "10.0.0.2"),
    ];
    assert_eq!(said(&lines), "192.0.2.1:0 - -");
}

#[test]
fn scheme_and_host_are_the_last_proxys() {
    for (value, wanted) in [
        ("https", "https"),
        ("http", "http"),
        ("HTTPS", "https"),
        ("wss", "https"),
        ("ws", "http"),
        ("https, http", "http"),
        ("http,https", "https"),
        ("gopher", "-"),
        ("", "-"),
    ] {
        assert_eq!(
            said(&[("x-forwarded-proto", value)]),
            format!("- {wanted} -"),
            "{value}"
        );
    }
    for (value, wanted) in [
        ("example.com", "example.com"),
        ("example.com:8443", "example.com:8443"),
        ("evil.test, example.com", "example.com"),
        ("[::1]:80", "[::1]:80"),
        ("a b", "-"),
        ("user@example.com", "-"),
        ("", "-"),
    ] {
        assert_eq!(
            said(&[("x-forwarded-host", value)]),
            format!("- - {wanted}"),
            "{value}"
        );
    }
}

#[test]
fn forwarded_is_read_up_to_the_first_untrusted_address() {
    for (value, wanted) in [
        (
            "for=192.0.2.1;proto=https;host=example.com",
            "192.0.2.1:0 https example.com",
        ),
        ("For=\"192.0.2.1:80\" ; Proto=HTTP", "192.0.2.1:80 http -"),
        (
            "for=\"[2001:db8::1]:80\";by=203.0.113.1",
            "[2001:db8::1]:80 - -",
        ),
        ("for=[2001:db8::1]:80", "[2001:db8::1]:80 - -"),
        ("for=\"\\192.0.2.1\"", "192.0.2.1:0 - -"),
        (
            "for=192.0.2.9;proto=http;host=evil.test, for=192.0.2.1;proto=https, for=10.0.0.2;proto=http",
            "192.0.2.1:0 https -",
        ),
        ("for=192.0.2.9, for=_hidden;proto=https", "- https -"),
        ("for=\"192.0.2.1:_a.b\"", "192.0.2.1:0 - -"),
        ("for=\"[2001:db8::1]:_x\"", "[2001:db8::1]:0 - -"),
        ("for=\"_x:_y\"", "- - -"),
        (
            "for=192.0.2.9, for=unknown, for=10.0.0.2;proto=https",
            "10.0.0.2:0 - -",
        ),
        ("proto=https", "- https -"),
        (" , ", "- - -"),
    ] {
        assert_eq!(said(&[("forwarded", value)]), wanted, "{value}");
    }
    let lines = [
        ("forwarded", "for=192.0.2.1"),
        ("forwarded", "for=10.0.0.2"),
    ];
    assert_eq!(said(&lines), "192.0.2.1:0 - -");
}

#[test]
fn malformed_forwarded_is_refused() {
    for value in [
        "for",
        "for=",
        "=192.0.2.1",
        "for=\"192.0.2.1",
        // The client's half of a string hides what the proxy appends.
        "host=\"x, for=192.0.2.1;proto=https",
        "for=\"192.0.2.1\\",
        "for=192.0.2.1;for=192.0.2.2",
        "for=192.0.2.1 proto=https",
        "f r=192.0.2.1",
    ] {
        assert_eq!(
            read(&[("forwarded", value)]),
            Err(ForwardedError::Malformed),
            "{value}"
        );
    }
}

#[test]
fn two_kinds_of_headers_must_agree() {
    let forwarded = ("forwarded", "for=192.0.2.1;proto=https;host=a.test");
    let x = |client, proto, host| {
        let lines = [
            ("x-forwarded-for", client),
            ("x-forwarded-proto", proto),
            ("x-forwarded-host", host),
        ];
        read(&[&[forwarded], &lines[..]].concat())
    };
    assert!(x("192.0.2.1", "https", "A.test").is_ok());
    assert!(x("192.0.2.1:80", "https", "a.test").is_ok());
    let disagree = Err(ForwardedError::Disagreement);
    assert_eq!(x("192.0.2.2", "https", "a.test"), disagree);
    assert_eq!(x("192.0.2.1", "http", "a.test"), disagree);
    assert_eq!(x("192.0.2.1", "https", "b.test"), disagree);
    // The client adds what its proxy does not write.
    assert_eq!(
        read(&[
            ("x-forwarded-for", "192.0.2.1"),
            ("forwarded", "host=evil.test")
        ]),
        disagree
    );
    assert_eq!(
        read(&[
            ("forwarded", "for=192.0.2.1"),
            ("x-forwarded-host", "evil.test")
        ]),
        disagree
    );
}

fn fragment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "for=",
        "proto=",
        "host=",
        "by=",
        "192.0.2.1",
        "10.0.0.2",
        "[2001:db8::1]",
        "\"",
        "\\",
        ",",
        ";",
        " ",
        "=",
        ":80",
        "https",
        "unknown",
        "_x",
        "::",
        "[",
        "]",
        "%",
        "é",
    ])
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::collection::vec(fragment(), 0..20).prop_map(|all| all.concat().into_bytes());
    prop_oneof![pieces, prop::collection::vec(any::<u8>(), 0..60)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_header_panics(values in prop::collection::vec((0..4_usize, header()), 0..5)) {
        let names = ["forwarded", X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST];
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(names[name], value);
            }
        }
        let _ = Forwarded::read(&headers, &trusted("[\"10.0.0.0/8\"]"));
    }

    /// Whatever the client has sent, what the proxy appends is the client.
    #[test]
    fn client_cannot_choose_its_address(before in header()) {
        for (name, appended) in [("x-forwarded-for", ",192.0.2.1"), ("forwarded", ",for=192.0.2.1;proto=https")] {
            let value = [&before, appended.as_bytes()].concat();
            let Ok(value) = HeaderValue::from_bytes(&value) else { continue };
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value)]);
            if let Ok(said) = Forwarded::read(&headers, &trusted("[\"10.0.0.0/8\"]")) {
                let client = said.client.map(|client| client.ip().to_string());
                prop_assert!(client.is_none_or(|client| client == "192.0.2.1"));
            }
        }
    }
}
