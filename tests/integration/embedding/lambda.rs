//! A function of AWS Lambda, by a stand-in of its runtime interface.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::{Value, json};
use stackup_tests::{Site, within};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::program::Program;

/// What the service says to the function, and hears from it.
struct Service {
    events: UnboundedSender<Value>,
    responses: UnboundedReceiver<Value>,
    _function: Program,
}

struct Interface {
    events: Mutex<UnboundedReceiver<Value>>,
    responses: UnboundedSender<Value>,
}

/// The next request, as long as it takes.
async fn next(State(interface): State<Arc<Interface>>) -> impl IntoResponse {
    let event = interface.events.lock().await.recv().await;
    let headers = [
        ("lambda-runtime-aws-request-id", "1"),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        ("lambda-runtime-invoked-function-arn", "arn:test"),
    ];
    (headers, event.unwrap_or_default().to_string())
}

async fn answered(State(interface): State<Arc<Interface>>, body: Bytes) -> impl IntoResponse {
    let response = serde_json::from_slice(&body).expect("JSON");
    let _ = interface.responses.send(response);
    StatusCode::ACCEPTED
}

impl Service {
    async fn start(site: &Site) -> Self {
        let (events, of_function) = unbounded_channel();
        let (of_interface, responses) = unbounded_channel();
        let interface = Arc::new(Interface {
            events: Mutex::new(of_function),
            responses: of_interface,
        });
        let invocation = "/2018-06-01/runtime/invocation";
        let router = Router::new()
            .route(&format!("{invocation}/next"), get(next))
            .route(&format!("{invocation}/1/response"), post(answered))
            .route(&format!("{invocation}/1/error"), post(answered))
            .with_state(interface);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it listens").to_string();
        tokio::spawn(async { axum::serve(listener, router).await });
        let variables = [
            ("AWS_LAMBDA_RUNTIME_API", &*address),
            ("AWS_LAMBDA_FUNCTION_NAME", "test"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ];
        let function = Program::spawn_with("embed-lambda", site, &variables);
        Self {
            events,
            responses,
            _function: function,
        }
    }

    /// What the function answers to an event.
    async fn invoke(&mut self, event: Value) -> Value {
        self.events.send(event).expect("it is served");
        let answered = within("the function", self.responses.recv()).await;
        answered.expect("it is served")
    }
}

/// A request of an API Gateway, in version 2 of its events.
fn event(method: &str, path: &str, query: &str, body: Option<&str>) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": { "host": "a.test", "content-type": "text/plain", "x-a": "1" },
        "requestContext": {
            "accountId": "1", "apiId": "a", "domainName": "a.test", "domainPrefix": "a",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "test" },
            "requestId": "r", "routeKey": "$default", "stage": "$default",
            "time": "01/Dec/2026:00:00:00 +0000", "timeEpoch": 0
        },
        "body": body,
        "isBase64Encoded": false
    })
}

#[tokio::test]
async fn events_are_requests_and_responses_are_answers() {
    let manifest = "use = [\"etag\"]\nrun = \"answers\"\n";
    let site = Site::new(manifest, &["answers", "etag"]);
    let mut service = Service::start(&site).await;
    let names = "env=REQUEST_METHOD&env=PATH_INFO&env=QUERY_STRING&env=REMOTE_ADDR&env=rack.url_scheme&env=HTTP_HOST&env=HTTP_X_A";
    let answer = service
        .invoke(event("POST", "/a/b", names, Some("hello")))
        .await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let expected = format!(
        "REQUEST_METHOD=POST\nPATH_INFO=/a/b\nQUERY_STRING={names}\nREMOTE_ADDR=192.0.2.7\nrack.url_scheme=https\nHTTP_HOST=a.test\nHTTP_X_A=1\nhello"
    );
    assert_eq!(answer["body"], expected);
    // The same function answers the next one.
    let query = "status=404&body=no&header=set-cookie:a=1&header=set-cookie:b=2";
    let answer = service.invoke(event("GET", "/", query, None)).await;
    assert_eq!(
        (&answer["statusCode"], &answer["body"]),
        (&json!(404), &json!("no")),
        "{answer}"
    );
    assert_eq!(answer["cookies"], json!(["a=1", "b=2"]));
    let answer = service
        .invoke(event("GET", "/", "fail=broken&status=503", None))
        .await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
}
