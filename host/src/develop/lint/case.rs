//! One request: what each layer was given and gave, and who is at fault.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use contract::{Answered, Asked, Flow, Kind, Offence, Print, promised};
use http::{HeaderMap, Method, header};
use http_body::Body;
use stackup_plugin::abi::host::{HostBody, HostRequest, HostResponse, Outcome};

use super::body::{Checked, Counted};
use super::layer::{Culprit, Layer};
use super::ledger::Ledger;
use super::running;

/// The watchdog looks so seldom that it may see a poll that much later.
const WATCHDOG: Duration = Duration::from_millis(100);

/// A request whose layers are looked at.
pub struct Case {
    /// Its number.
    pub(super) request: u64,
    /// Its method and target.
    target: String,
    ledger: Arc<Ledger>,
    /// How long a layer may keep its thread.
    patience: Option<Duration>,
    ended: OnceLock<Instant>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl Case {
    /// Of the request of this number. `patience` is the watchdog's, which tells of what takes longer.
    pub fn new(
        request: u64,
        target: String,
        ledger: Arc<Ledger>,
        patience: Option<Duration>,
    ) -> Self {
        Self {
            request,
            target,
            ledger,
            patience: patience.map(|patience| patience + WATCHDOG),
            ended: OnceLock::new(),
        }
    }

    /// The request comes to a layer.
    pub fn enter(self: &Arc<Self>, culprit: &Arc<Culprit>, request: &mut HostRequest) -> Visit {
        let is_head = request.method() == Method::HEAD;
        let layer = Arc::new(Layer::new(Arc::clone(culprit), is_head));
        // Who sends it on does so in its own poll, however many it sends at once.
        let above = running::layer_of(self);
        for offence in asked(request, above.as_deref()) {
            layer.was_asked(offence.kind);
            // What a client has sent is nobody's fault here.
            if let Some(above) = &above
                && !above.is_asked(offence.kind)
            {
                self.found(&above.culprit, &offence);
            }
        }
        if request.body().size_hint().exact().is_none() {
            let read = Arc::clone(&layer.read);
            request.map_body(|body| HostBody::Stream(Box::pin(Counted { body, read })));
        }
        let case = Arc::clone(self);
        Visit { case, layer, above }
    }

    /// The response has ended.
    pub fn ended(&self) {
        self.ended.get_or_init(Instant::now);
    }

    /// Since when it has.
    pub(super) fn over_for(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(*self.ended.get()?))
    }

    pub(super) fn found(&self, culprit: &Culprit, offence: &Offence) {
        self.ledger
            .found(culprit, offence, self.request, &self.target);
    }

    /// A layer has kept its thread for so long by itself.
    pub(super) fn took(&self, layer: &Layer, own: Duration, kind: Kind) {
        if self.patience.is_some_and(|patience| own >= patience) {
            let message = format!("it kept its thread for {:.1} s", own.as_secs_f64());
            self.found(&layer.culprit, &Offence::new(kind, message));
        }
    }

    /// Something is wrong with a layer's response, be it the layer's own fault or not.
    pub(super) fn answered(&self, layer: &Layer, offence: &Offence) {
        if layer.is_to_blame(offence.kind) {
            self.found(&layer.culprit, offence);
        }
    }
}

/// A layer is at work on a request.
#[derive(Debug)]
pub struct Visit {
    case: Arc<Case>,
    layer: Arc<Layer>,
    above: Option<Arc<Layer>>,
}

impl Visit {
    /// Polls the layer's call, and looks at what comes of it.
    pub async fn watch(self, call: impl Future<Output = Outcome>) -> Outcome {
        let mut call = pin!(call);
        let outcome = std::future::poll_fn(|cx| {
            let (polled, own) =
                running::polling(&self.case, &self.layer, || call.as_mut().poll(cx));
            self.case.took(&self.layer, own, Kind::Blocks);
            polled
        });
        outcome.await.map(|response| self.look(response))
    }

    fn look(&self, mut response: HostResponse) -> HostResponse {
        let Self { case, layer, above } = self;
        let (status, has) = (response.status(), response.body().size_hint().exact());
        let fields = response.headers().iter();
        let fields: Vec<_> = fields
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let answered = Answered {
            status: status.as_u16(),
            headers: &fields,
            is_head: layer.is_head,
            has,
        };
        for offence in answered.offences() {
            case.answered(layer, &offence);
        }
        let etag = response.headers().get(header::ETAG);
        let etag = etag.map(http::HeaderValue::as_bytes);
        let mut print = Print::new(answered.status, layer.is_head, etag, has);
        let flow = Flow::new(answered.promised(), has);
        layer.begins(has.is_none(), &print);
        if response.body().is_end_stream() {
            print.end();
            if let Some(offence) = layer.ends(&print) {
                case.answered(layer, &offence);
            }
        } else {
            let (case, layer) = (Arc::clone(case), Arc::clone(layer));
            response.map_body(|body| {
                HostBody::Stream(Box::pin(Checked {
                    body,
                    case,
                    layer,
                    flow,
                    print,
                }))
            });
        }
        if let Some(above) = above {
            above.is_answered_by(layer);
        }
        response
    }
}

/// What is wrong with a request that comes from the layer `above`.
fn asked(request: &HostRequest, above: Option<&Layer>) -> Vec<Offence> {
    let asked = Asked {
        method: request.method().as_str(),
        script_name: request.script_name(),
        path_info: request.path_info(),
        told: told(request.headers()),
        has: request.body().size_hint().exact(),
    };
    let read = above.map_or(0, |above| above.read.load(Ordering::Relaxed));
    let chunks = request.headers().contains_key(header::TRANSFER_ENCODING);
    let lost = chunks && read > 0 && request.body().is_end_stream();
    let message = || format!("{read} bytes of the request's body were read, and none goes on");
    let lost = lost.then(|| Offence::new(Kind::BodyTaken, message()));
    asked.offences().chain(lost).collect()
}

fn told(headers: &HeaderMap) -> Option<u64> {
    let values = headers.get_all(header::CONTENT_LENGTH).iter();
    promised(values.map(http::HeaderValue::as_bytes))
}
