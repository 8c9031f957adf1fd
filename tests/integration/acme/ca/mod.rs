//! A certificate authority that speaks ACME (RFC 8555), in the test's own process. It validates names by asking the host, and does what
//! the test says.

mod jws;
mod resources;
mod state;
mod validation;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use stackup_tests::tls::TestCa;
use stackup_tests::within;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::state::State;
pub(super) use self::state::Targets;
pub(super) use self::validation::acme_client;

/// The CA. It listens on a port of its own.
pub(super) struct AcmeCa(Arc<Shared>);

struct Shared {
    /// Signs what it issues, and the certificate of its own server.
    signer: TestCa,
    url: String,
    state: Mutex<State>,
    /// Where to validate names. While there is none, it waits.
    targets: watch::Sender<Option<Targets>>,
    /// Challenges that it has been told to try.
    tried: watch::Sender<usize>,
}

/// What a request gets: a status, a location, a document.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) content: Content,
}

pub(super) enum Content {
    Json(Value),
    Pem(String),
}

impl AcmeCa {
    /// Listens. It issues certificates that have just begun.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let signer = TestCa::new();
        let tls = signer.server("127.0.0.1", &["http/1.1"]);
        let shared = Arc::new(Shared {
            signer,
            url: format!("https://{address}"),
            state: Mutex::default(),
            targets: watch::Sender::default(),
            tried: watch::Sender::default(),
        });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, shared) = (tls.clone(), Arc::clone(&accepting));
                tokio::spawn(async move {
                    let Ok(stream) = tls.accept(stream).await else {
                        return;
                    };
                    let answer = service_fn(|request| answer(request, &shared));
                    let server = hyper::server::conn::http1::Builder::new();
                    // That it is cut is the client's matter.
                    let _ = server.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self(shared)
    }

    /// Its directory, for manifests.
    pub(super) fn directory(&self) -> String {
        format!("{}/directory", self.0.url)
    }

    /// What it signs with.
    pub(super) fn signer(&self) -> &TestCa {
        &self.0.signer
    }

    /// From now on it validates names there.
    pub(super) fn connects_to(&self, targets: Targets) {
        self.0.targets.send_replace(Some(targets));
    }

    /// Waits until it has been told to try so many challenges in all.
    pub(super) async fn tried(&self, count: usize) {
        let mut tried = self.0.tried.subscribe();
        let waited = tried.wait_for(|tried| *tried >= count);
        within("a challenge", waited).await.expect("it is alive");
    }

    /// The orders that it was asked for, those that it has refused among them.
    pub(super) fn orders(&self) -> usize {
        self.0.state().asked
    }

    /// The accounts that were made.
    pub(super) fn accounts(&self) -> usize {
        self.0.state().accounts.len()
    }

    /// The next certificate is valid for these days from now, later ones for 90 from now on.
    pub(super) fn next_certificate(&self, days: (i64, i64)) {
        self.0.state().validity = Some(days);
    }

    /// Refuses so many of the next orders, with this problem.
    pub(super) fn refuses(&self, orders: usize, status: u16, kind: &str, detail: &str) {
        let problem = (status, kind.to_owned(), detail.to_owned());
        self.0.state().refusals = vec![problem; orders];
    }

    /// Says of so many nonces that they are bad.
    pub(super) fn forgets_nonces(&self, count: usize) {
        self.0.state().bad_nonces = count;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(
    request: Request<Incoming>,
    ca: &Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let path = head.uri.path();
    let answered = match (head.method.as_str(), path) {
        ("GET", "/directory") => Ok(resources::directory(ca)),
        ("HEAD", "/nonce") => Ok(Answer::json(StatusCode::OK, json!({}))),
        ("POST", _) => jws::verify(&body.unwrap_or_default(), path, ca)
            .and_then(|request| resources::post(path, &request, ca)),
        _ => Err(problem(404, "malformed", "there is no such resource")),
    };
    let (answer, kind) = match answered {
        Ok(answer) => (answer, "application/json"),
        Err(problem) => (problem, "application/problem+json"),
    };
    let (kind, text) = match answer.content {
        Content::Json(value) => (kind, value.to_string()),
        Content::Pem(text) => ("application/pem-certificate-chain", text),
    };
    let mut response = Response::builder().status(answer.status);
    response = response.header("content-type", kind);
    response = response.header("replay-nonce", ca.state().new_nonce());
    if let Some(location) = answer.location {
        response = response.header("location", location);
    }
    Ok(response.body(Full::from(text)).expect("a valid response"))
}

impl Answer {
    pub(super) fn json(status: StatusCode, value: Value) -> Self {
        Self {
            status,
            location: None,
            content: Content::Json(value),
        }
    }
}

/// A problem document (RFC 8555 §6.7).
fn problem(status: u16, kind: &str, detail: &str) -> Answer {
    Answer::json(
        StatusCode::from_u16(status).expect("a status"),
        problem_document(status, kind, detail),
    )
}

fn problem_document(status: u16, kind: &str, detail: &str) -> Value {
    json!({
        "type": format!("urn:ietf:params:acme:error:{kind}"),
        "detail": detail,
        "status": status,
    })
}
