//! Passes requests on to another server, and its responses back. Bodies stream both ways.

#![forbid(unsafe_code)]

use std::time::Duration;

use reqwest::{Client, redirect};
use stackup_plugin::{App, Body, Context, Error, Request, Response, Result, StatusCode, http};

#[stackup_plugin::config]
pub struct Config {
    /// The other server, such as `http://127.0.0.1:3000`.
    server: String,
}

pub struct Proxy {
    client: Client,
    server: String,
}

impl App for Proxy {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        let client = Client::builder().redirect(redirect::Policy::none());
        let client = client.connect_timeout(Duration::from_secs(5)).build()?;
        Ok(Self {
            client,
            server: config.server,
        })
    }

    async fn call(&self, mut req: Request) -> Result {
        let client = req.remote_addr().map(|addr| addr.ip().to_string());
        let scheme = req.scheme().to_owned();
        let mut headers = req.headers_mut();
        headers.remove_connection_fields();
        headers.remove("host"); // the client's own: reqwest sets the other server's
        headers.insert("x-forwarded-for", client.unwrap_or_default())?;
        headers.insert("x-forwarded-proto", scheme)?;
        let (head, body) = req.into_http_here().into_parts();
        let request = self
            .client
            .request(head.method, format!("{}{}", self.server, head.uri));
        let request = request
            .headers(head.headers)
            .body(reqwest::Body::wrap(body.into_sync()));
        let sent = request.send().await;
        let res = sent.map_err(|error| Error::from(error).or_status(StatusCode::BAD_GATEWAY))?;
        let mut res = Response::from_http(http::Response::from(res).map(Body::new));
        res.headers_mut().remove_connection_fields();
        Ok(res)
    }
}

stackup_plugin::export!(tokio; app Proxy);

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    use stackup_plugin::testing::{self, Mounted, block_on, json, post};

    use super::*;

    fn mounted(server: &str) -> Mounted {
        testing::with_tokio(|| testing::app::<Proxy>(json!({ "server": server }))).unwrap()
    }

    /// Answers one request, and returns what it was.
    fn server(answer: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut text = String::new();
            while !text.ends_with("tea") {
                let mut bytes = [0; 1024];
                let count = stream.read(&mut bytes).unwrap();
                assert_ne!(count, 0, "{text}");
                text += &String::from_utf8_lossy(&bytes[..count]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            text
        });
        (url, asked)
    }

    #[test]
    fn request_and_response_pass_without_what_concerns_a_connection() {
        let (url, asked) = server(
            "HTTP/1.1 302 Found\r\nlocation: /tea\r\nconnection: close, x-hop\r\nx-hop: 1\r\ncontent-length: 2\r\n\r\nok",
        );
        let request = post("/cups?n=2", "tea")
            .header("host", "front")
            .header("content-length", "3")
            .header("connection", "x-mine")
            .header("x-mine", "1")
            .header("x-forwarded-for", "forged");
        let res = block_on(mounted(&url).answer(request)).unwrap();
        assert_eq!(
            (res.status().as_u16(), res.header("location")),
            (302, Some("/tea"))
        );
        assert!(!res.headers().contains("connection") && !res.headers().contains("x-hop"));
        assert_eq!(block_on(res.finish()).unwrap(), "ok");
        let asked = asked.join().unwrap();
        assert!(asked.starts_with("POST /cups?n=2 HTTP/1.1\r\n"), "{asked}");
        for line in [
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-proto: http",
            &format!("host: {}", &url[7..]),
        ] {
            assert_eq!(
                asked.matches(&format!("{line}\r\n")).count(),
                1,
                "{line}: {asked}"
            );
        }
        assert!(
            !asked.contains("x-mine") && !asked.contains("forged"),
            "{asked}"
        );
    }

    #[test]
    fn server_that_is_away_is_502_and_a_body_that_fails_keeps_its_status() {
        let closed = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let app = mounted(&format!("http://{closed}"));
        assert_eq!(
            block_on(app.answer(post("/", ""))).unwrap_err().status(),
            502
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let app = mounted(&format!("http://{}", listener.local_addr().unwrap()));
        let (sender, body) = Body::channel(1);
        sender.fail(Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too long"));
        let error = block_on(app.answer(post("/", body))).unwrap_err();
        assert_eq!(error.status(), 413, "{error}");
    }
}
