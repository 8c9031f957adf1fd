//! What `stackup dev` adds for whoever develops: pages that show what is wrong and reload
//! themselves, and `/_stackup/`, where the stack and its requests are seen.
//!
//! It stands between the server and the stack, and exists in no other process.

mod accept;
mod api;
mod assets;
mod board;
mod csp;
mod door;
mod dress;
mod events;
mod guard;
mod page;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use http::Request;
use stackup_plugin::abi::host::Connection;
use tokio::sync::watch;

use crate::develop::lint::{Case, Ledger};
use crate::load::manifest::edit::History;
use crate::serve::generation::{Active, Census, Generation};
use crate::serve::server::Phase;
use crate::serve::trace::{Finished, Recent, Trace};

pub use self::board::{Board, Problem};
pub use self::door::Answered;

/// The desk of whoever develops: one for a worker.
#[derive(Debug)]
pub struct Dev {
    /// What goes on, told to every page that listens.
    pub board: Arc<Board>,
    active: Arc<Active>,
    census: Arc<Census>,
    recent: Recent,
    lint: Arc<Ledger>,
    manifest: PathBuf,
    edits: Mutex<History>,
    /// Pages stop listening when the worker is to end.
    phase: watch::Receiver<Phase>,
}

impl Dev {
    /// For what `active` serves, as `manifest` says.
    pub fn new(
        board: Arc<Board>,
        active: Arc<Active>,
        census: Arc<Census>,
        manifest: PathBuf,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        let ear = Arc::clone(&board);
        Self {
            lint: Arc::new(Ledger::new(move |told| ear.offence(told))),
            board,
            active,
            census,
            recent: Recent::default(),
            manifest,
            edits: Mutex::default(),
            phase,
        }
    }

    /// Whether the worker is not about to end.
    fn serves(&self) -> bool {
        *self.phase.borrow() == Phase::Serving
    }

    /// The trace of a request that begins now in this generation.
    pub fn watch<B>(
        &self,
        request: &Request<B>,
        ends: Connection,
        generation: &Generation,
    ) -> Watched {
        let number = self.recent.number();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let target = format!("{method} {uri}");
        let headers = request.headers().clone();
        let mut trace = Trace::begin(number, generation.number, method, uri, headers);
        if generation.dev.lint {
            let patience = generation.limits.block_report;
            trace = trace.checked(Case::new(number, target, Arc::clone(&self.lint), patience));
        }
        let trace = Arc::new(trace);
        self.recent.add(Arc::clone(&trace));
        self.board.began(&trace);
        Watched {
            board: Arc::clone(&self.board),
            may_look: guard::may_look(ends, request.headers()).is_ok(),
            trace,
        }
    }
}

/// A request that is watched; its drop is its end.
#[derive(Debug)]
pub struct Watched {
    /// What is noted of it.
    pub trace: Arc<Trace>,
    board: Arc<Board>,
    /// Whether whoever asks may see what is in here.
    may_look: bool,
}

impl Watched {
    /// The last byte of the response has been handed to the connection.
    pub fn complete(&self) {
        self.trace.ended(Finished::Complete);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Of no effect where the end was told before.
        self.trace.ended(Finished::Broken);
        self.board.ended(&self.trace);
    }
}
