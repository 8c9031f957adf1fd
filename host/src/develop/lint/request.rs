//! Checks one request: what each layer received and returned, and which layer broke a rule.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use contract::{
    BodyDigest, FrameChecker, Kind, RequestHead, ResponseHead, Violation, parse_content_length,
};
use http::{HeaderMap, Method, header};
use http_body::Body;
use stackup_plugin::abi::host::{HostBody, HostRequest, HostResponse, Outcome};

use super::body::{Checked, Counted};
use super::findings::Findings;
use super::layer::{HandlerId, Layer};
use super::running;
use super::values::Received;

/// How late the watchdog may notice a long poll, since it looks only now and then.
const WATCHDOG_DELAY: Duration = Duration::from_millis(100);

/// The checks of one request.
pub struct RequestCheck {
    /// Its number.
    pub(super) request: u64,
    /// Its method and target.
    target: String,
    findings: Arc<Findings>,
    /// How long a layer may block its thread.
    patience: Option<Duration>,
    ended: OnceLock<Instant>,
}

impl fmt::Debug for RequestCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestCheck")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl RequestCheck {
    /// Checks the request with this number. `patience` is the watchdog's: it reports polls that take longer.
    pub fn new(
        request: u64,
        target: String,
        findings: Arc<Findings>,
        patience: Option<Duration>,
    ) -> Self {
        Self {
            request,
            target,
            findings,
            patience: patience.map(|patience| patience + WATCHDOG_DELAY),
            ended: OnceLock::new(),
        }
    }

    /// The request reaches a layer.
    pub fn enter(
        self: &Arc<Self>,
        handler: &Arc<HandlerId>,
        request: &mut HostRequest,
    ) -> LayerCheck {
        let is_head = request.method() == Method::HEAD;
        let values = Received::new(request.env());
        let layer = Arc::new(Layer::new(Arc::clone(handler), is_head, values));
        // A layer passes requests on in its own poll, even several at once.
        let above = running::layer_of(self);
        for offence in request_violations(request, above.as_deref()) {
            layer.note_request(offence.kind);
            // Without a layer above, the client sent it.
            if let Some(above) = &above
                && !above.received(offence.kind)
            {
                self.report(&above.handler, &offence);
            }
        }
        if let Some(above) = &above {
            self.check_values(above, request);
        }
        if request.body().size_hint().exact().is_none() {
            let read = Arc::clone(&layer.read);
            request.map_body(|body| HostBody::Stream(Box::pin(Counted { body, read })));
        }
        let check = Arc::clone(self);
        LayerCheck {
            check,
            layer,
            above,
        }
    }

    /// The layer `above` passes the request on with these values.
    fn check_values(&self, above: &Layer, request: &HostRequest) {
        let generation = request.exchange().generation();
        for (name, value) in above.values.written(request.env()) {
            let shapes = &self.findings.shapes;
            for offence in shapes.add(generation, &above.handler.handler, name, value) {
                self.report(&above.handler, &offence);
            }
        }
    }

    /// The response has ended.
    pub fn ended(&self) {
        self.ended.get_or_init(Instant::now);
    }

    /// How long ago the response ended.
    pub(super) fn ended_for(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(*self.ended.get()?))
    }

    /// Reports a violation.
    pub(super) fn report(&self, handler: &HandlerId, offence: &Violation) {
        self.findings
            .add(handler, offence, self.request, &self.target);
    }

    /// A poll has taken `own` in the layer itself.
    pub(super) fn polled(&self, layer: &Layer, own: Duration, kind: Kind) {
        if self.patience.is_some_and(|patience| own >= patience) {
            let message = format!("it blocked its thread for {:.1} s", own.as_secs_f64());
            self.report(&layer.handler, &Violation::new(kind, message));
        }
    }

    /// A layer's response has a violation; reports it if the layer caused it.
    pub(super) fn in_response(&self, layer: &Layer, offence: &Violation) {
        if layer.note_response(offence.kind) {
            self.report(&layer.handler, offence);
        }
    }
}

/// The checks of one layer at work on a request.
#[derive(Debug)]
pub struct LayerCheck {
    check: Arc<RequestCheck>,
    layer: Arc<Layer>,
    above: Option<Arc<Layer>>,
}

impl LayerCheck {
    /// Runs the layer's call and checks its response.
    pub async fn run(self, call: impl Future<Output = Outcome>) -> Outcome {
        let mut call = pin!(call);
        let outcome = std::future::poll_fn(|cx| {
            let (polled, own) =
                running::polling(&self.check, &self.layer, || call.as_mut().poll(cx));
            self.check.polled(&self.layer, own, Kind::BlockingCall);
            polled
        });
        outcome.await.map(|response| self.check_response(response))
    }

    fn check_response(&self, mut response: HostResponse) -> HostResponse {
        let Self {
            check,
            layer,
            above,
        } = self;
        let (status, has) = (response.status(), response.body().size_hint().exact());
        let fields = response.headers().iter();
        let fields: Vec<_> = fields
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let answered = ResponseHead {
            status: status.as_u16(),
            headers: &fields,
            is_head: layer.is_head,
            body_size: has,
            upgrades: response.accepted().is_some(),
        };
        for offence in answered.violations() {
            check.in_response(layer, &offence);
        }
        let etag = response.headers().get(header::ETAG);
        let etag = etag.map(http::HeaderValue::as_bytes);
        let mut digest = BodyDigest::new(answered.status, layer.is_head, etag, has);
        let frames = FrameChecker::new(answered.expected_body_size(), has);
        layer.body_started(has.is_none(), &digest);
        if response.body().is_end_stream() {
            digest.end();
            if let Some(offence) = layer.body_ended(&digest) {
                check.in_response(layer, &offence);
            }
        } else {
            let (check, layer) = (Arc::clone(check), Arc::clone(layer));
            response.map_body(|body| {
                HostBody::Stream(Box::pin(Checked {
                    body,
                    check,
                    layer,
                    frames,
                    digest,
                }))
            });
        }
        if let Some(above) = above {
            above.add_below(layer);
        }
        response
    }
}

/// The violations in a request that the layer `above` passes on.
fn request_violations(request: &HostRequest, above: Option<&Layer>) -> Vec<Violation> {
    let asked = RequestHead {
        method: request.method().as_str(),
        script_name: request.script_name(),
        path_info: request.path_info(),
        content_length: content_length(request.headers()),
        body_size: request.body().size_hint().exact(),
    };
    let read = above.map_or(0, |above| above.read.load(Ordering::Relaxed));
    let chunks = request.headers().contains_key(header::TRANSFER_ENCODING);
    let lost = chunks && read > 0 && request.body().is_end_stream();
    let message =
        || format!("{read} bytes of the request's body were read, and no body is passed on");
    let lost = lost.then(|| Violation::new(Kind::BodyTaken, message()));
    asked.violations().chain(lost).collect()
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    let values = headers.get_all(header::CONTENT_LENGTH).iter();
    parse_content_length(values.map(http::HeaderValue::as_bytes))
}
