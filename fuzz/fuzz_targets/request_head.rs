//! Any bytes of a connection are framed alike however they arrive; an accepted head names one valid host, and its target is
//! a path or a URL.

#![no_main]

use http::header::HOST;
use http::{Method, Request, Uri};
use libfuzzer_sys::fuzz_target;
use stackup::serve::server::framing::{Framing, Refused};
use stackup::serve::server::head::{TargetForm, check};

fuzz_target!(|bytes: &[u8]| {
    is_framed_alike(bytes);
    is_checked(bytes);
});

/// All at once, each byte alone, and in two parts.
fn is_framed_alike(bytes: &[u8]) {
    let whole = Framing::default().read(bytes);
    if let Err(refused) = &whole {
        assert!(refused.valid < bytes.len());
        assert!(refused.error.status().is_client_error() || refused.error.status() == 501);
        assert_eq!(Framing::default().read(&bytes[..refused.valid]), Ok(()));
    }
    for size in [1, 7, bytes.len() / 2] {
        let mut framing = Framing::default();
        let mut before = 0;
        let read = bytes.chunks(size.max(1)).try_for_each(|part| {
            let refused = |refused: Refused| Refused { valid: before + refused.valid, ..refused };
            framing.read(part).map_err(refused)?;
            before += part.len();
            Ok(())
        });
        assert_eq!(read, whole);
    }
}

/// The lines are a method, a target, and hosts.
fn is_checked(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let (Some(method), Some(target)) = (lines.next(), lines.next()) else { return };
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method), Uri::try_from(target)) else { return };
    let mut request = Request::builder().method(method).uri(uri);
    for host in lines {
        request = request.header(HOST, host);
    }
    let Ok(request) = request.body(()) else { return };
    let Ok(form) = check(&request) else { return };
    let hosts: Vec<_> = request.headers().get_all(HOST).iter().collect();
    let [host] = hosts[..] else { panic!("{hosts:?} are accepted") };
    assert!(is_plain(host.as_bytes()), "{host:?} is accepted");
    let uri = request.uri();
    match form {
        TargetForm::Origin => assert!(uri.authority().is_none() && uri.scheme().is_none()),
        TargetForm::Absolute => assert!(uri.authority().is_some_and(|host| is_plain(host.as_str().as_bytes())) && uri.scheme().is_some()),
    }
    assert!(uri.path().starts_with('/') || uri.path() == "*" && *request.method() == Method::OPTIONS);
    assert!(uri.to_string().is_ascii());
}

/// Nothing that ends an authority or begins user information. http's own parser knows no escapes in a host.
fn is_plain(host: &[u8]) -> bool {
    !host.is_empty() && host.iter().all(|byte| byte.is_ascii_graphic() && !b"@/?#\\\"<>".contains(byte))
}
