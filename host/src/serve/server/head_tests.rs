use proptest::prelude::*;

use super::*;

/// Checks an HTTP/1.1 request with these `host` lines.
fn head(method: &str, target: &str, hosts: &[&str]) -> Result<TargetForm, HeadError> {
    let mut request = Request::builder().method(method).uri(target);
    for host in hosts {
        request = request.header(HOST, *host);
    }
    check(&request.body(()).unwrap())
}

/// Heads that begin with their only `host` are checked without a look-up; others must not pass for such.
#[test]
fn host_is_found_wherever_it_stands() {
    let (accept, cookie) = (("accept", "a"), ("cookie", "a=b"));
    for (fields, expected) in [
        (&[accept, ("host", "a")][..], Ok(TargetForm::Origin)),
        (&[accept, ("host", "a b")], Err(HeadError::InvalidHost)),
        (&[accept, cookie], Err(HeadError::NoHost)),
        (&[("host", "a"), cookie, cookie], Ok(TargetForm::Origin)),
        (
            &[("host", "a"), cookie, ("host", "a")],
            Err(HeadError::SeveralHosts),
        ),
        (
            &[cookie, cookie, ("host", "a"), ("host", "b")],
            Err(HeadError::SeveralHosts),
        ),
    ] {
        let mut request = Request::builder();
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        assert_eq!(check(&request.body(()).unwrap()), expected, "{fields:?}");
    }
}

#[test]
fn one_valid_host_is_required() {
    for host in [
        "a",
        "a.b-c_d~e",
        "A.B:80",
        "a:",
        "a:0",
        "a:65535",
        "127.0.0.1:9292",
        "[::1]",
        "[::1]:",
        "[2001:db8::7]:443",
        "[::ffff:1.2.3.4]",
        "x%41",
        "%41:80",
        "a!$&'()*+,;=b",
    ] {
        assert_eq!(head("GET", "/", &[host]), Ok(TargetForm::Origin), "{host}");
    }
    for host in [
        "",
        ":80",
        "a b",
        "a/",
        "a/b",
        "a?b",
        "a#b",
        "user@a",
        "a:b",
        "a:80:90",
        "a:65536",
        "a:+80",
        "a:80 ",
        "[::1",
        "::1",
        "[::1]a",
        "[::1]:x",
        "[]",
        "[x.localhost]evil.com",
        "[fe80::1%25eth0]",
        "a\\b",
        "http://a",
        "%",
        "%4",
        "%zz",
        "a%",
        "\"a\"",
        "<a>",
        "a|b",
        "[v1.x]",
    ] {
        assert_eq!(
            head("GET", "/", &[host]),
            Err(HeadError::InvalidHost),
            "{host}"
        );
    }
    assert_eq!(head("GET", "/", &["a", "a"]), Err(HeadError::SeveralHosts));
    assert_eq!(head("GET", "/", &[]), Err(HeadError::NoHost));
    let mut old = Request::builder()
        .version(Version::HTTP_10)
        .body(())
        .unwrap();
    assert_eq!(check(&old), Ok(TargetForm::Origin));
    old.headers_mut().insert(HOST, "a b".parse().unwrap());
    assert_eq!(check(&old), Err(HeadError::InvalidHost));
}

/// RFC 9113 §8.3.1
#[test]
fn authority_of_http2_is_its_host() {
    let head = |version, target: &str| {
        let request = Request::builder().version(version).uri(target);
        check(&request.body(()).unwrap())
    };
    let url = "https://a/b";
    assert_eq!(head(Version::HTTP_2, url), Ok(TargetForm::Absolute));
    assert_eq!(head(Version::HTTP_2, "/b"), Err(HeadError::NoHost));
    assert_eq!(head(Version::HTTP_11, url), Err(HeadError::NoHost));
}

#[test]
fn target_is_a_path_or_a_url() {
    for (target, wanted) in [
        ("/", Ok(TargetForm::Origin)),
        ("//evil.test/", Ok(TargetForm::Origin)),
        ("/a?b=/c:80@d", Ok(TargetForm::Origin)),
        ("http://a", Ok(TargetForm::Absolute)),
        ("https://a:443/b?c", Ok(TargetForm::Absolute)),
        ("http://[::1]:80/", Ok(TargetForm::Absolute)),
        ("*", Err(HeadError::TargetForm)),
        ("a:80", Err(HeadError::TargetForm)),
        ("word", Err(HeadError::TargetForm)),
        ("http://user@a/", Err(HeadError::InvalidAuthority)),
        ("http://user:pass@a/", Err(HeadError::InvalidAuthority)),
        ("http://a:99999/", Err(HeadError::InvalidAuthority)),
        ("/caf\u{e9}", Err(HeadError::NotAscii)),
        ("/?q=\u{e9}", Err(HeadError::NotAscii)),
    ] {
        assert_eq!(head("GET", target, &["x"]), wanted, "{target}");
    }
    assert_eq!(head("OPTIONS", "*", &["x"]), Ok(TargetForm::Origin));
    for target in ["a:80", "/", "http://a/"] {
        assert_eq!(
            head("CONNECT", target, &["x"]),
            Err(HeadError::Connect),
            "{target}"
        );
    }
}

proptest! {
    /// What is accepted means the same to `http`'s own parser, and so to maps and plugins. That parser knows no escapes
    /// in a host, although RFC 3986 §3.2.2 allows them.
    #[test]
    fn valid_host_is_an_authority(host in "[a-z0-9.:%@\\[\\]/ _-]{0,12}") {
        if authority::is_valid(host.as_bytes()) {
            let plain = host.replace('%', "");
            let authority: http::uri::Authority = plain.parse().unwrap();
            prop_assert!(!authority.host().is_empty());
            prop_assert!(!authority.as_str().contains('@'));
        }
    }
}
