//! The parts of a status that are shown; a status has more.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::load::library::PluginUsage;
use crate::services::FetchStatus;

#[derive(Deserialize)]
pub(super) struct Status {
    pub(super) stackup: String,
    pub(super) manifest: String,
    pub(super) environment: String,
    pub(super) seconds: f64,
    pub(super) listening: Vec<String>,
    pub(super) workers: Vec<Worker>,
    /// Older supervisors have none.
    #[serde(default)]
    pub(super) guests: Vec<Guest>,
    pub(super) crashes: u64,
    pub(super) renewals: u64,
    pub(super) rolled_back: Vec<RolledBack>,
    pub(super) quarantine: Vec<Quarantined>,
    pub(super) reloads: Vec<Reload>,
    pub(super) incidents: Vec<Incident>,
}

#[derive(Deserialize)]
pub(super) struct Worker {
    pub(super) number: u32,
    pub(super) pid: u32,
    pub(super) state: String,
    pub(super) seconds: f64,
    pub(super) cause: String,
    /// How long it has not answered the supervisor.
    #[serde(default)]
    pub(super) silent_seconds: f64,
    pub(super) status: Option<Part>,
}

#[derive(Deserialize)]
pub(super) struct Guest {
    pub(super) name: String,
    pub(super) restarts: u64,
    pub(super) down: Option<String>,
    pub(super) processes: Vec<GuestProcess>,
}

#[derive(Deserialize)]
pub(super) struct GuestProcess {
    pub(super) number: u32,
    pub(super) pid: i32,
    pub(super) state: String,
    pub(super) seconds: f64,
    pub(super) memory_bytes: Option<u64>,
}

/// The requests of a worker's claims to one process of a guest.
#[derive(Deserialize)]
pub(super) struct GuestRequests {
    pub(super) process: u32,
    pub(super) in_flight: u64,
}

#[derive(Deserialize)]
pub(super) struct Part {
    pub(super) generations: Generations,
    pub(super) resident_bytes: Option<u64>,
    pub(super) on_probation: bool,
    pub(super) blocked: Vec<Blocked>,
    /// Older workers have none.
    #[serde(default)]
    pub(super) certificates: Vec<Certificate>,
    /// Older workers do not say.
    pub(super) connections: Option<Connections>,
    #[serde(default)]
    pub(super) plugins: Vec<PluginUsage>,
    /// Older workers do not say.
    pub(super) store: Option<Store>,
    #[serde(default)]
    pub(super) fetches: Vec<FetchStatus>,
    #[serde(default)]
    pub(super) guests: Vec<GuestRequests>,
    /// Older workers have none.
    #[serde(default)]
    pub(super) counters: Vec<Counter>,
}

#[derive(Deserialize)]
pub(super) struct Counter {
    pub(super) handler: String,
    pub(super) name: String,
    pub(super) labels: Map<String, Value>,
    pub(super) value: u64,
}

/// A certificate of a listener, and how long it is valid.
#[derive(Deserialize)]
pub(super) struct Certificate {
    pub(super) file: String,
    pub(super) names: Vec<String>,
    /// None before the first that stackup orders.
    pub(super) expires: Option<String>,
    pub(super) seconds: u64,
    pub(super) refused: Option<String>,
    /// What has become of the last order, if it has failed.
    pub(super) order: Option<CertificateOrder>,
}

#[derive(Deserialize)]
pub(super) struct CertificateOrder {
    pub(super) error: String,
    pub(super) seconds: u64,
}

#[derive(Deserialize)]
pub(super) struct Store {
    pub(super) place: Option<String>,
    pub(super) trouble: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Connections {
    pub(super) limit: u64,
    pub(super) open: u64,
    pub(super) idle: u64,
    pub(super) heads: u64,
    pub(super) bodies: u64,
    pub(super) sends: u64,
    pub(super) closed_for_room: u64,
    pub(super) closed_by_send_timeout: u64,
    pub(super) closed_by_body_timeout: u64,
}

#[derive(Deserialize)]
pub(super) struct Generations {
    pub(super) active: Option<Active>,
    pub(super) draining: Vec<Draining>,
    pub(super) retired: u64,
    pub(super) resting_bytes: u64,
}

#[derive(Deserialize)]
pub(super) struct Active {
    pub(super) number: u64,
    pub(super) seconds: f64,
    pub(super) stack: Vec<Line>,
    pub(super) requests: Vec<Request>,
    /// Older workers list all.
    #[serde(default)]
    pub(super) more_requests: MoreRequests,
    pub(super) handlers: Vec<Health>,
}

#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) depth: u8,
    pub(super) label: String,
    pub(super) version: Option<String>,
    pub(super) fingerprint: Option<String>,
    pub(super) born: Option<u64>,
    pub(super) kept: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct Draining {
    pub(super) number: u64,
    pub(super) seconds: f64,
    pub(super) deadline_seconds: f64,
    /// Older workers do not say.
    #[serde(default)]
    pub(super) upgrade_deadline_seconds: f64,
    pub(super) stuck: bool,
    pub(super) held_by: HeldBy,
}

#[derive(Deserialize)]
pub(super) struct HeldBy {
    pub(super) requests: Vec<Request>,
    /// Older workers list all.
    #[serde(default)]
    pub(super) more_requests: MoreRequests,
    /// Absent in a worker of an older program.
    #[serde(default)]
    pub(super) kept: usize,
    pub(super) tasks: Vec<Task>,
}

/// How many requests are not listed, by what they wait for.
#[derive(Deserialize, Default)]
pub(super) struct MoreRequests {
    pub(super) request: u64,
    pub(super) body: u64,
    pub(super) upgraded: u64,
}

#[derive(Deserialize)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) seconds: f64,
    pub(super) phase: String,
    pub(super) handler: Option<String>,
    pub(super) since_generation: Option<u64>,
    pub(super) upgrade: Option<Upgrade>,
}

/// What a connection has changed to.
#[derive(Deserialize)]
pub(super) struct Upgrade {
    pub(super) protocol: String,
    pub(super) received: u64,
    pub(super) sent: u64,
}

#[derive(Deserialize)]
pub(super) struct Task {
    pub(super) handler: String,
    pub(super) name: String,
    pub(super) seconds: f64,
}

#[derive(Deserialize)]
pub(super) struct Blocked {
    pub(super) handler: String,
    pub(super) generation: u64,
    pub(super) seconds: f64,
}

#[derive(Deserialize)]
pub(super) struct Health {
    pub(super) handler: String,
    pub(super) panics: u64,
    pub(super) blocks: u64,
    pub(super) out_of_service: bool,
}

#[derive(Deserialize)]
pub(super) struct RolledBack {
    pub(super) reason: String,
}

#[derive(Deserialize)]
pub(super) struct Quarantined {
    pub(super) fingerprint: String,
    pub(super) reason: String,
    pub(super) instead: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Reload {
    pub(super) number: u64,
    pub(super) at: u64,
    pub(super) outcome: String,
    pub(super) generation: u64,
    pub(super) milliseconds: f64,
    pub(super) instances: String,
    pub(super) error: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Incident {
    pub(super) at: u64,
    pub(super) text: String,
}
