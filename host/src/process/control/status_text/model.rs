//! The parts of a status that are shown; a status has more.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::load::library::PluginUsage;
use crate::services::FetchStatus;

#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    pub(crate) stackup: String,
    pub(crate) manifest: String,
    pub(crate) environment: String,
    pub(crate) seconds: f64,
    pub(crate) listening: Vec<String>,
    pub(crate) workers: Vec<Worker>,
    /// Older supervisors have none.
    #[serde(default)]
    pub(crate) guests: Vec<Guest>,
    pub(crate) crashes: u64,
    pub(crate) renewals: u64,
    pub(crate) rolled_back: Vec<RolledBack>,
    pub(crate) quarantine: Vec<Quarantined>,
    pub(crate) reloads: Vec<Reload>,
    pub(crate) incidents: Vec<Incident>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Worker {
    pub(crate) number: u32,
    pub(crate) pid: u32,
    pub(crate) state: String,
    pub(crate) seconds: f64,
    pub(crate) cause: String,
    /// How long it has not answered the supervisor.
    #[serde(default)]
    pub(crate) silent_seconds: f64,
    pub(crate) status: Option<Part>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Guest {
    pub(crate) name: String,
    pub(crate) restarts: u64,
    pub(crate) down: Option<String>,
    pub(crate) processes: Vec<GuestProcess>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct GuestProcess {
    pub(crate) number: u32,
    pub(crate) pid: i32,
    pub(crate) state: String,
    pub(crate) seconds: f64,
    pub(crate) memory_bytes: Option<u64>,
}

/// The requests of a worker's claims to one process of a guest.
#[derive(Debug, Deserialize)]
pub(crate) struct GuestRequests {
    pub(crate) process: u32,
    pub(crate) in_flight: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Part {
    pub(crate) generations: Generations,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) on_probation: bool,
    pub(crate) blocked: Vec<Blocked>,
    /// Older workers have none.
    #[serde(default)]
    pub(crate) certificates: Vec<Certificate>,
    /// Older workers do not say.
    pub(crate) connections: Option<Connections>,
    #[serde(default)]
    pub(crate) plugins: Vec<PluginUsage>,
    /// Older workers do not say.
    pub(crate) store: Option<Store>,
    #[serde(default)]
    pub(crate) fetches: Vec<FetchStatus>,
    #[serde(default)]
    pub(crate) guests: Vec<GuestRequests>,
    /// Older workers have none.
    #[serde(default)]
    pub(crate) counters: Vec<Counter>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Counter {
    pub(crate) handler: String,
    pub(crate) name: String,
    pub(crate) labels: Map<String, Value>,
    pub(crate) value: u64,
}

/// A certificate of a listener, and how long it is valid.
#[derive(Debug, Deserialize)]
pub(crate) struct Certificate {
    pub(crate) file: String,
    pub(crate) names: Vec<String>,
    /// None before the first that stackup orders.
    pub(crate) expires: Option<String>,
    pub(crate) seconds: u64,
    pub(crate) refused: Option<String>,
    /// What has become of the last order, if it has failed.
    pub(crate) order: Option<CertificateOrder>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CertificateOrder {
    pub(crate) error: String,
    pub(crate) seconds: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Store {
    pub(crate) place: Option<String>,
    pub(crate) trouble: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Connections {
    pub(crate) limit: u64,
    pub(crate) open: u64,
    pub(crate) idle: u64,
    pub(crate) heads: u64,
    pub(crate) bodies: u64,
    pub(crate) sends: u64,
    pub(crate) closed_for_room: u64,
    pub(crate) closed_by_send_timeout: u64,
    pub(crate) closed_by_body_timeout: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Generations {
    pub(crate) active: Option<Active>,
    pub(crate) draining: Vec<Draining>,
    pub(crate) retired: u64,
    pub(crate) resting_bytes: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Active {
    pub(crate) number: u64,
    pub(crate) seconds: f64,
    pub(crate) stack: Vec<Line>,
    pub(crate) requests: Vec<Request>,
    /// Older workers list all.
    #[serde(default)]
    pub(crate) more_requests: MoreRequests,
    pub(crate) handlers: Vec<Health>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    pub(crate) depth: u8,
    pub(crate) label: String,
    pub(crate) version: Option<String>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) born: Option<u64>,
    pub(crate) kept: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Draining {
    pub(crate) number: u64,
    pub(crate) seconds: f64,
    pub(crate) deadline_seconds: f64,
    /// Older workers do not say.
    #[serde(default)]
    pub(crate) upgrade_deadline_seconds: f64,
    pub(crate) stuck: bool,
    pub(crate) held_by: HeldBy,
}

#[derive(Debug, Deserialize)]
pub(crate) struct HeldBy {
    pub(crate) requests: Vec<Request>,
    /// Older workers list all.
    #[serde(default)]
    pub(crate) more_requests: MoreRequests,
    /// Absent in a worker of an older program.
    #[serde(default)]
    pub(crate) kept: usize,
    pub(crate) tasks: Vec<Task>,
}

/// How many requests are not listed, by what they wait for.
#[derive(Debug, Deserialize, Default)]
pub(crate) struct MoreRequests {
    pub(crate) request: u64,
    pub(crate) body: u64,
    pub(crate) upgraded: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) seconds: f64,
    pub(crate) phase: String,
    pub(crate) handler: Option<String>,
    pub(crate) since_generation: Option<u64>,
    pub(crate) upgrade: Option<Upgrade>,
}

/// What a connection has changed to.
#[derive(Debug, Deserialize)]
pub(crate) struct Upgrade {
    pub(crate) protocol: String,
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Task {
    pub(crate) handler: String,
    pub(crate) name: String,
    pub(crate) seconds: f64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Blocked {
    pub(crate) handler: String,
    pub(crate) generation: u64,
    pub(crate) seconds: f64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Health {
    pub(crate) handler: String,
    pub(crate) panics: u64,
    pub(crate) blocks: u64,
    pub(crate) out_of_service: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RolledBack {
    pub(crate) reason: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Quarantined {
    pub(crate) fingerprint: String,
    pub(crate) reason: String,
    pub(crate) instead: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Reload {
    pub(crate) number: u64,
    pub(crate) at: u64,
    pub(crate) outcome: String,
    pub(crate) generation: u64,
    pub(crate) milliseconds: f64,
    pub(crate) instances: String,
    /// What it changed in the stack, one line each.
    pub(crate) changes: Vec<String>,
    pub(crate) error: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Incident {
    pub(crate) at: u64,
    pub(crate) text: String,
}
