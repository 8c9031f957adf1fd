//! A request of HTTP/2 as layers expect it.

use http::header::COOKIE;
use http::uri::Scheme;
use http::{HeaderValue, Request, Uri};

use crate::serve::observe::ObserverEnds;
use crate::serve::server::framing::FramingError;

/// Makes one `cookie` of several (RFC 9113 §8.2.3), and checks what h2 does not limit.
///
/// # Errors
///
/// It has more than `header_count` fields.
pub(super) fn prepare<B>(
    request: &mut Request<B>,
    ends: &ObserverEnds,
    header_count: usize,
) -> Result<(), FramingError> {
    let headers = request.headers_mut();
    if headers.len() > header_count {
        return Err(FramingError::TooManyFields);
    }
    let mut cookies = headers.get_all(COOKIE).iter();
    if let (Some(first), Some(second)) = (cookies.next(), cookies.next()) {
        let all = [first, second].into_iter().chain(cookies);
        let all: Vec<_> = all.map(HeaderValue::as_bytes).collect();
        // What is joined is as valid as its parts.
        if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
            headers.insert(COOKIE, joined);
        }
    }
    // In the clear, `:scheme` is that of the proxy which ended TLS: nothing but its headers are believed.
    if !ends.peer.https && request.uri().scheme() == Some(&Scheme::HTTPS) {
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use stackup_plugin::abi::host::Connection;

    use super::*;

    fn ends(https: bool) -> ObserverEnds {
        let peer = Connection {
            https,
            ..Connection::default()
        };
        ObserverEnds { peer, client: peer }
    }

    #[test]
    fn cookies_are_joined() {
        let request = Request::builder().header("cookie", "a=1");
        let request = request.header("x", "y").header("cookie", "b=2; c=3");
        let mut request = request.body(()).unwrap();
        prepare(&mut request, &ends(true), 3).unwrap();
        let cookies: Vec<_> = request.headers().get_all("cookie").iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3"]);
    }

    #[test]
    fn fields_are_counted() {
        let request = Request::builder().header("a", "1").header("a", "2");
        let mut request = request.body(()).unwrap();
        prepare(&mut request, &ends(true), 2).unwrap();
        let refused = prepare(&mut request, &ends(true), 1);
        assert_eq!(refused, Err(FramingError::TooManyFields));
    }

    #[test]
    fn scheme_of_a_connection_in_the_clear_is_not_believed() {
        for (https, wanted) in [(false, "http"), (true, "https")] {
            let request = Request::builder().uri("https://a.test/x?y");
            let mut request = request.body(()).unwrap();
            prepare(&mut request, &ends(https), 1).unwrap();
            assert_eq!(*request.uri(), *format!("{wanted}://a.test/x?y"));
        }
    }
}
