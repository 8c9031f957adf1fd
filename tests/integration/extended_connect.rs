use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper_util::rt::TokioIo;
use stackup_tests::{Connection, Host};

use crate::serving::http2::{Client, client, send, text};

/// One connection of HTTP/2 to a host.
pub(crate) struct Http2 {
    client: Client,
    authority: String,
}

impl Http2 {
    /// Connects, and learns that the host serves extended CONNECT.
    pub(crate) async fn connect(host: &Host) -> Self {
        let mut this = Self {
            client: client(host).await,
            authority: host.address().to_owned(),
        };
        // The host's settings come before its first response.
        this.get("/").await;
        this
    }

    /// The status and body of an ordinary response.
    pub(crate) async fn get(&mut self, path: &str) -> (StatusCode, String) {
        let request = Request::get(self.url(path)).body(Full::default());
        let response = send(&mut self.client, request.expect("a request")).await;
        (response.status(), text(response).await)
    }

    /// The response to an extended CONNECT.
    pub(crate) async fn ask(
        &mut self,
        path: &str,
        protocol: &str,
        fields: &[(&str, &str)],
    ) -> Response<Incoming> {
        let mut request = Request::connect(self.url(path));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let protocol = Protocol::from(protocol);
        let request = request.extension(protocol).body(Full::<Bytes>::default());
        send(&mut self.client, request.expect("a request")).await
    }

    /// The status and body of a response that refuses.
    pub(crate) async fn refused(
        &mut self,
        path: &str,
        protocol: &str,
        fields: &[(&str, &str)],
    ) -> (StatusCode, String) {
        let response = self.ask(path, protocol, fields).await;
        (response.status(), text(response).await)
    }

    /// A stream that has changed.
    pub(crate) async fn open(
        &mut self,
        path: &str,
        protocol: &str,
        fields: &[(&str, &str)],
    ) -> Connection {
        let mut response = self.ask(path, protocol, fields).await;
        assert_eq!(response.status(), 200, "{response:?}");
        let stream = hyper::upgrade::on(&mut response).await;
        Connection::over(TokioIo::new(stream.expect("a stream")))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }
}
