//! Extended CONNECT (RFC 8441): a request that asks for another protocol on its stream. Layers get what they know from HTTP/1.1: a
//! GET that offers the protocol (RFC 9110 §7.8).

use std::sync::Arc;

use data_encoding::BASE64;
use http::header::{CONNECTION, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use ring::rand::{SecureRandom, SystemRandom};

use super::send_task::SendTask;

/// What a stream may change to, in the extensions of its request.
#[derive(Debug, Clone)]
pub(super) struct ExtendedConnect {
    pub(super) protocol: String,
    /// By which hyper gives the stream.
    pub(super) stream: OnUpgrade,
    pub(super) task: Arc<SendTask>,
}

/// Makes a GET of an extended CONNECT. Any other request stays as it is, a CONNECT to a proxy among them.
pub(super) fn accept<B>(request: &mut Request<B>) -> Option<Arc<SendTask>> {
    match *request.method() == Method::CONNECT {
        true => convert(request),
        false => None,
    }
}

#[cold]
fn convert<B>(request: &mut Request<B>) -> Option<Arc<SendTask>> {
    let extensions = request.extensions_mut();
    let stream = extensions.remove::<OnUpgrade>()?;
    let protocol = extensions.remove::<Protocol>()?;
    let protocol = protocol.as_str().to_owned();
    // One token, as the name of a field: a list would be several protocols in `upgrade`.
    HeaderName::try_from(&protocol).ok()?;
    let upgrade = HeaderValue::from_str(&protocol).ok()?;
    let task = Arc::new(SendTask::default());
    extensions.insert(ExtendedConnect {
        protocol,
        stream,
        task: Arc::clone(&task),
    });
    *request.method_mut() = Method::GET;
    let headers = request.headers_mut();
    if upgrade.as_bytes().eq_ignore_ascii_case(b"websocket") {
        // HTTP/2 has none (RFC 8441 §5), but handlers and servers behind a proxy ask for one.
        headers.insert(SEC_WEBSOCKET_KEY, websocket_key());
    }
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, upgrade);
    Some(task)
}

/// 16 random bytes in base64 (RFC 6455 §4.1).
fn websocket_key() -> HeaderValue {
    let mut key = [0; 16];
    // It is no secret: where there are no random numbers, zeros do.
    let _ = SystemRandom::new().fill(&mut key);
    let none = |_| HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAA==");
    HeaderValue::try_from(BASE64.encode(&key)).unwrap_or_else(none)
}

/// The status of a response: one that accepts nothing must not be a success, which would say that the stream has changed.
pub(super) fn status(status: StatusCode, task: Option<&SendTask>) -> StatusCode {
    match task {
        Some(task) if status.is_success() && !task.is_accepted() => StatusCode::NOT_IMPLEMENTED,
        _ => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(protocol: Option<&'static str>) -> Request<()> {
        let request = Request::connect("https://a.test/chat").header("x", "y");
        let mut request = request.body(()).unwrap();
        let stream = hyper::upgrade::on(Request::new(()));
        request.extensions_mut().insert(stream);
        if let Some(protocol) = protocol {
            let protocol = Protocol::from_static(protocol);
            request.extensions_mut().insert(protocol);
        }
        request
    }

    #[test]
    fn extended_connect_is_a_get_that_offers_its_protocol() {
        let mut request = connect(Some("echo"));
        assert!(accept(&mut request).is_some());
        assert_eq!(request.method(), Method::GET);
        assert_eq!(*request.uri(), *"https://a.test/chat");
        let headers = request.headers();
        assert_eq!(headers[CONNECTION], "upgrade");
        assert_eq!(headers[UPGRADE], "echo");
        assert_eq!(headers.len(), 3);
        let connect = request.extensions().get::<ExtendedConnect>().unwrap();
        assert_eq!(connect.protocol, "echo");
    }

    #[test]
    fn websocket_gets_a_key_of_its_own() {
        let key = || {
            let mut request = connect(Some("websocket"));
            request
                .headers_mut()
                .insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("theirs"));
            accept(&mut request).unwrap();
            request.headers()[SEC_WEBSOCKET_KEY].clone()
        };
        let (one, other) = (key(), key());
        assert_eq!(BASE64.decode(one.as_bytes()).unwrap().len(), 16);
        assert_ne!(one, other);
    }

    #[test]
    fn connect_without_one_protocol_stays_a_connect() {
        for protocol in [None, Some(""), Some("a, b"), Some("a b")] {
            let mut request = connect(protocol);
            assert!(accept(&mut request).is_none(), "{protocol:?}");
            assert_eq!(request.method(), Method::CONNECT);
            assert_eq!(request.headers().len(), 1);
        }
    }

    #[test]
    fn success_that_accepts_nothing_is_none() {
        let task = SendTask::default();
        for (answered, sent) in [(200, 501), (204, 501), (302, 302), (403, 403), (426, 426)] {
            let answered = StatusCode::from_u16(answered).unwrap();
            assert_eq!(status(answered, Some(&task)), sent);
            assert_eq!(status(answered, None), answered, "an ordinary request");
        }
        task.accept();
        assert_eq!(status(StatusCode::OK, Some(&task)), StatusCode::OK);
    }
}
