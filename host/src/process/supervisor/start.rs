//! Starting: the sockets, the first worker, and every later one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::control_clients::ControlClients;
use super::notify::Notify;
use super::sockets::Socket;
use super::state::State;
use super::worker::{Phase, Worker};
use super::{Event, Settings, Supervisor};
use crate::load::library::{BaseDir, Trust};
use crate::load::manifest::{self, ListenEntry, Source};
use crate::load::saved_libraries::SavedLibraries;
use crate::load::site_file;
use crate::load::snapshot::Snapshot;
use crate::policy::restart::StackSource;
use crate::process::control::ControlSocket;
use crate::process::ipc::{Command, PROTOCOL, WorkerConfig};
use crate::serve::server::tls::TicketSecret;

/// How much time a worker gets beyond its own deadlines.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// How long a worker may take to start with libraries that are built; a build has no limit.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A worker to be started.
#[derive(Debug, Clone)]
pub(super) struct StartPlan {
    pub(super) start: StackSource,
    /// Why, in one or two words.
    pub(super) cause: String,
}

impl Supervisor {
    /// Opens the sockets and starts the first worker.
    pub(super) fn launch(
        settings: Settings,
        events: mpsc::UnboundedSender<Event>,
    ) -> Result<Self, String> {
        let mut sockets = Socket::inherited()
            .map_err(|error| format!("cannot use an inherited socket: {error}"))?;
        if sockets.is_empty() {
            let list = addresses(&settings)?;
            for entry in &list {
                let bound = Socket::bind(entry, &list, &sockets, &settings.location);
                sockets.extend(bound.map_err(|error| error.to_string())?);
            }
        }
        let libraries =
            SavedLibraries::create(&BaseDir::from_env()).map_err(|error| error.to_string())?;
        let asked = settings.control.as_deref();
        let control_socket = ControlSocket::open(&settings.location, asked);
        let control_socket = match control_socket {
            Err(error) if asked.is_some() => return Err(error.to_string()),
            Err(error) => {
                tracing::warn!(
                    event = "no-control",
                    "`stackup status` and other commands will not reach this server: {error}"
                );
                None
            }
            Ok(control_socket) => Some(control_socket),
        };
        let folder = libraries.dir().path().to_path_buf();
        let guests = super::Guests::new(folder, events.clone());
        let mut supervisor = Self {
            settings,
            sockets,
            control_socket,
            control_accept: None,
            control_clients: ControlClients::new(),
            unserved: false,
            next_restore: Instant::now(),
            libraries,
            workers: std::collections::BTreeMap::new(),
            state: State::default(),
            pending: super::PendingRequests::default(),
            renewal: None,
            handover: None,
            guests,
            replacing: None,
            planned: None,
            served: false,
            stopping: None,
            failed: None,
            since: Instant::now(),
            notify: Notify::default(),
            replies_in_flight: std::sync::Arc::default(),
            events,
        };
        supervisor.start(StartPlan {
            start: StackSource::Disk,
            cause: "start".to_owned(),
        });
        Ok(supervisor)
    }

    /// Starts a worker. If that fails, tries again later.
    pub(super) fn start(&mut self, plan: StartPlan) -> Option<u32> {
        self.state.workers += 1;
        let number = self.state.workers;
        self.libraries.restore(self.state.saved_libraries());
        let snapshot = self.snapshot_for(plan.start);
        let limit = match (&snapshot, &self.settings.build) {
            (None, Some(_)) => None,
            _ => Some(Instant::now() + START_LIMIT),
        };
        // It does not get the sockets that close as soon as it serves.
        let closing = self.renewal.as_ref().map(|renewal| &renewal.closing);
        let stays = |socket: &&Socket| closing.is_none_or(|urls| !urls.contains(&socket.url));
        let sockets: Vec<_> = self.sockets.iter().filter(stays).collect();
        let encrypted = sockets.iter().any(|socket| socket.protocols.tls.is_some());
        let tickets = encrypted.then(|| self.state.tickets()).flatten();
        let started = self.program().and_then(|program| {
            let config = self.worker_config(number, snapshot, &sockets, tickets);
            Worker::start(&program, number, &plan, &config, &sockets, &self.events)
        });
        match started {
            Ok(mut worker) => {
                worker.deadline = limit;
                tracing::debug!(
                    event = "worker",
                    state = "starting",
                    number,
                    pid = worker.pid.as_raw_nonzero().get(),
                    cause = plan.cause,
                    "worker {number} is starting"
                );
                self.workers.insert(number, worker);
                Some(number)
            }
            Err(error) if self.served => {
                tracing::error!("cannot start a worker, trying again: {error}");
                self.planned = Some((Instant::now() + Duration::from_secs(1), plan));
                None
            }
            Err(error) => {
                self.failed = Some(format!("cannot start a worker: {error}"));
                None
            }
        }
    }

    fn snapshot_for(&self, start: StackSource) -> Option<Snapshot> {
        match start {
            StackSource::Disk => None,
            StackSource::Active => self.state.active.clone(),
            StackSource::KnownGood => self.state.good.clone().or(self.state.active.clone()),
            StackSource::Saved(generation) => self.state.history.find(generation).cloned(),
        }
    }

    fn worker_config(
        &self,
        number: u32,
        snapshot: Option<Snapshot>,
        sockets: &[&Socket],
        tickets: Option<TicketSecret>,
    ) -> WorkerConfig {
        let settings = &self.settings;
        // A restart from the disk is to fail if the certificates there can't be used.
        let certificates = match &snapshot {
            Some(_) => self.state.certificates.clone(),
            None => Vec::new(),
        };
        // A stack that is started on purpose is not rejected.
        let chosen = snapshot.as_ref().map(|snapshot| &snapshot.state);
        let now_rejected = self.renewal.iter().flat_map(|renewal| &renewal.rejects);
        let rejected = self.state.rejected.iter().chain(now_rejected);
        let rejected = rejected.filter(|rejected| Some(&rejected.state) != chosen);
        let rejected = rejected.cloned().collect();
        WorkerConfig {
            protocol: PROTOCOL,
            manifest: settings.manifest.clone(),
            location: Some(settings.location.clone()),
            environment: settings.environment.clone(),
            build: settings.build.clone(),
            locked: settings.locked,
            trust: settings.trust,
            show_errors: settings.environment == "development",
            format: settings.format,
            level: settings.level,
            color: settings.color,
            library_store: self.libraries.dir().path().to_path_buf(),
            snapshot,
            generation: self.state.generation,
            reloads: self.state.reloads,
            rejected,
            substitutes: self.state.substitutes(),
            proxy_protocol: Vec::new(),
            protocols: sockets
                .iter()
                .map(|socket| socket.protocols.clone())
                .collect(),
            tickets,
            certificates,
            number,
            handover: self.renewal.is_some(),
        }
    }

    /// Kills a worker that uses another protocol version.
    pub(super) fn check_protocol(&mut self, number: u32, protocol: u32, version: &str) {
        if protocol == PROTOCOL {
            return;
        }
        tracing::error!(
            "worker {number} is stackup {version} with protocol {protocol}, but the supervisor has protocol \
             {PROTOCOL}\n\nhelp: stop this stackup and start the new one"
        );
        if let Some(worker) = self.workers.get_mut(&number) {
            worker.kill("its protocol version is another one");
        }
    }

    /// A worker accepts connections: the others retire.
    pub(super) fn worker_serving(&mut self, number: u32) {
        let Some(worker) = self.workers.get_mut(&number) else {
            return;
        };
        // The supervisor has told it to stop since.
        if worker.phase != Phase::Starting {
            return;
        }
        worker.set_phase(Phase::Serving, None);
        let (pid, cause) = (worker.pid.as_raw_nonzero().get(), worker.cause.clone());
        tracing::info!(
            event = "worker",
            state = "serving",
            number,
            pid,
            cause,
            "worker {number} is serving ({cause}, pid {pid})"
        );
        for socket in self.sockets.iter().filter(|_| !self.served) {
            let url = socket.to_string();
            tracing::info!(event = "listening", url, "listening on {url}");
        }
        self.served = true;
        // It was started after the file was made.
        self.unserved = false;
        self.notify.ready(pid);
        let retired = self.retire_others(number);
        self.resend_reloads(number);
        self.finish_renewal(number, retired);
    }

    /// Retires every worker except `number`. Returns those that accept connections until they know.
    fn retire_others(&mut self, number: u32) -> BTreeSet<u32> {
        let deadline = Instant::now() + self.state.rules().retire_time() + GRACE;
        let mut retired = BTreeSet::new();
        for worker in self.workers.values_mut() {
            if worker.number != number && worker.phase == Phase::Serving {
                worker.send(Command::Retire);
                worker.set_phase(Phase::Ending, Some(deadline));
                retired.insert(worker.number);
            }
        }
        retired
    }

    /// Removes libraries that are no longer needed. While a worker starts it may need any of those that it was
    /// given, even if the serving one has moved on; then a later call removes them.
    pub(super) fn prune(&mut self) {
        let mut workers = self.workers.values();
        if workers.any(|worker| worker.phase == Phase::Starting) {
            return;
        }
        let last = self.state.generation;
        self.libraries.prune(last, &self.state.kept());
    }
}

/// The addresses to listen on.
pub(super) fn addresses(settings: &Settings) -> Result<Vec<ListenEntry>, String> {
    let mut entries = written_addresses(settings)?;
    if let Some(tls) = &settings.tls {
        for ListenEntry { protocols, .. } in &mut entries {
            if protocols.tls.is_none() {
                protocols.tls = Some(tls.clone());
                protocols.http2 = true;
            }
        }
    }
    Ok(entries)
}

/// Those of the command line, or of the manifest.
fn written_addresses(settings: &Settings) -> Result<Vec<ListenEntry>, String> {
    if let Some(addresses) = &settings.listen {
        return Ok(addresses.iter().cloned().map(ListenEntry::from).collect());
    }
    let path = &settings.manifest;
    // In development whoever could change the manifest can as well change the sources.
    let trust = match settings.build {
        Some(_) => Trust::Any,
        None => settings.trust,
    };
    let text = site_file::read(&settings.location, &settings.location, trust)
        .map_err(|error| manifest::read_error_message(path, error.into()))?;
    let path = path.clone();
    let source = Source { path, text };
    let reading = manifest::Settings {
        environment: &settings.environment,
        variable: &|name| std::env::var(name).ok(),
        embedded: None,
    };
    match manifest::parse(&source, &reading) {
        Ok(parsed) => Ok(parsed.manifest.server.listen),
        // In development the error page shows the error, at the default address.
        Err(_) if settings.build.is_some() => Ok(manifest::Server::default().listen),
        Err(diagnostics) => Err(source.render(&diagnostics, settings.color)),
    }
}
