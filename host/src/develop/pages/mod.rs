//! What development shows in a browser: the overlay, the error page, and the inspector at `/_stackup/`.
//!
//! It observes the server and the stack through the traits of `serve::observe`. Production has none of it.

mod accept;
mod access;
mod api;
mod assets;
mod csp;
mod dev_state;
mod error_page;
mod events;
mod inject;
mod observed;
mod router;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use http::Uri;
use tokio::sync::watch;

use self::observed::ObservedRequest;
use crate::develop::lint::{Findings, RequestCheck};
use crate::develop::replay::{Replays, Report};
use crate::develop::trace::{RecentRequests, Trace};
use crate::load::manifest::edit::History;
use crate::serve::generation::{Active, Generation, Registry};
use crate::serve::observe::{
    Head, ObserveRequest, Observer, ObserverEnds, OwnRequest, OwnResponse,
};
use crate::serve::server::Phase;

pub use self::dev_state::{DevState, Problem};

/// Serves the pages of `/_stackup/` and observes all other requests; a worker has one.
#[derive(Debug)]
pub struct Inspector {
    /// The state that every open page follows.
    pub state: Arc<DevState>,
    active: Arc<Active>,
    registry: Arc<Registry>,
    recent: Arc<RecentRequests>,
    findings: Arc<Findings>,
    replays: Arc<Replays>,
    manifest: PathBuf,
    edits: Mutex<History>,
    /// The event streams of pages end when the worker is about to end.
    phase: watch::Receiver<Phase>,
}

impl Inspector {
    /// An inspector of the generations in `active`, built from `manifest`.
    pub fn new(
        state: Arc<DevState>,
        active: Arc<Active>,
        registry: Arc<Registry>,
        manifest: PathBuf,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        let (pages, followed) = (Arc::clone(&state), Arc::clone(&state));
        let recent = Arc::<RecentRequests>::default();
        let replayed = move |report: &Report| followed.replayed(report);
        Self {
            findings: Arc::new(Findings::new(move |finding| pages.finding(finding))),
            replays: Arc::new(Replays::new(Arc::clone(&recent), phase.clone(), replayed)),
            state,
            active,
            registry,
            recent,
            manifest,
            edits: Mutex::default(),
            phase,
        }
    }

    /// What is to look on while generations replace one another.
    pub fn replays(&self) -> Arc<Replays> {
        Arc::clone(&self.replays)
    }

    /// Whether the worker is not about to end.
    fn serves(&self) -> bool {
        *self.phase.borrow() == Phase::Serving
    }
}

impl Observer for Inspector {
    fn handles(&self, target: &Uri) -> bool {
        self.is_own_path(target)
    }

    fn answer<'a>(
        &'a self,
        request: OwnRequest,
        ends: ObserverEnds,
    ) -> Pin<Box<dyn Future<Output = OwnResponse> + Send + 'a>> {
        Box::pin(self.answer_page(request, ends))
    }

    fn observe(
        &self,
        head: Head<'_>,
        ends: ObserverEnds,
        generation: &Generation,
    ) -> Box<dyn ObserveRequest> {
        let number = self.recent.next_number();
        let target = format!("{} {}", head.method, head.uri);
        let mut trace = Trace::begin(number, generation.number, head, ends.client);
        if generation.dev.lint {
            let patience = generation.limits.block_report;
            let findings = Arc::clone(&self.findings);
            trace = trace.checked(RequestCheck::new(number, target, findings, patience));
        }
        let trace = Arc::new(trace);
        self.recent.add(Arc::clone(&trace));
        self.state.request_started(&trace);
        Box::new(ObservedRequest {
            state: Arc::clone(&self.state),
            may_read: access::may_read(ends, head).is_ok(),
            options: generation.dev,
            trace,
        })
    }
}
