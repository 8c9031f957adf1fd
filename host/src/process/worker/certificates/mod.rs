//! The certificates of listeners with `tls`: read at the start, and again whenever their files change.

mod listener;
mod open;
mod order_reports;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval};

use self::listener::Listener;
pub(super) use self::open::open_certificates;
pub(super) use self::order_reports::OrderReports;
use crate::load::acme::Challenges;
use crate::load::certificates::{self, CertificatePlace, KeptCertificates};
use crate::load::manifest::{AcmeChallenge, CertificateFiles, ListenProtocols, ListenTls};
use crate::load::watch::{ChangeSet, Interest, Timing, Watcher};
use crate::policy::Expiry;
use crate::serve::server::Protocols;
use crate::serve::server::tls::{TicketSecret, Tls};

/// Whoever renews a certificate writes two files: the one may not fit the other for this long.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the certificates' ends are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

/// A certificate that the server can't begin with.
#[derive(Debug)]
struct Unusable {
    /// The listener's.
    tls: ListenTls,
    /// Which of its certificates; after them come the CAs of clients.
    index: usize,
    error: String,
}

/// The certificates of all listeners.
#[derive(Debug)]
pub(super) struct Certificates {
    place: CertificatePlace,
    listeners: Vec<Arc<Listener>>,
    /// What has become of those that stackup orders.
    reports: OrderReports,
}

impl Certificates {
    /// Reads the certificates for sockets that speak `listen`. Where those on the disk can't be used, those that are `kept` serve, even if they
    /// have expired by now.
    ///
    /// # Errors
    ///
    /// The first certificate that can't be used.
    fn open(
        listen: Vec<ListenProtocols>,
        place: CertificatePlace,
        tickets: Option<TicketSecret>,
        kept: &[KeptCertificates],
    ) -> Result<(Vec<Protocols>, Self), Unusable> {
        let mut certificates = Self {
            place,
            listeners: Vec::new(),
            reports: OrderReports::default(),
        };
        let (folder, trust) = (&certificates.place.folder, certificates.place.trust);
        let challenges = |kind| Challenges::of(kind, &listen, folder, trust).map(Arc::new);
        let by_handshake = challenges(AcmeChallenge::TlsAlpn01);
        let by_request = challenges(AcmeChallenge::Http01);
        let tickets = tickets.or_else(|| TicketSecret::new(SystemTime::now()));
        let mut protocols = Vec::new();
        for listen in listen {
            let tls = match &listen.tls {
                Some(tls) => {
                    let tickets = tickets.as_ref();
                    let challenges = by_handshake.clone();
                    Some(certificates.add(tls, listen.http2, tickets, kept, challenges)?)
                }
                None => None,
            };
            protocols.push(Protocols {
                proxy_protocol: listen.proxy_protocol,
                fastcgi: listen.fastcgi,
                http2: listen.http2 && tls.is_none(),
                challenges: by_request.clone().filter(|_| tls.is_none()),
                tls,
            });
        }
        Ok((protocols, certificates))
    }

    fn add(
        &mut self,
        settings: &ListenTls,
        http2: bool,
        tickets: Option<&TicketSecret>,
        kept: &[KeptCertificates],
        challenges: Option<Arc<Challenges>>,
    ) -> Result<Arc<Tls>, Unusable> {
        let mut known = self.listeners.iter();
        let same = |known: &&Arc<Listener>| known.settings == *settings && known.http2 == http2;
        if let Some(known) = known.find(same) {
            return Ok(Arc::clone(&known.tls));
        }
        let unusable = |(index, error): (usize, String)| Unusable {
            tls: settings.clone(),
            index,
            error,
        };
        // The follower reads them once more, and reports what is wrong.
        let set = self.place.read(settings).or_else(|(index, error)| {
            let kept = kept.iter().find(|kept| kept.are_of(settings));
            let kept = kept.and_then(|kept| kept.read().ok());
            kept.ok_or_else(|| unusable((index, error.to_string())))
        })?;
        let tls = Tls::new(set, http2, tickets, &format!("{settings:?}"));
        let tls = tls.map_err(|error| unusable((0, error.to_string())))?;
        let tls = Arc::new(tls.answering(challenges));
        self.listeners.push(Arc::new(Listener::new(
            settings.clone(),
            http2,
            Arc::clone(&tls),
        )));
        Ok(tls)
    }

    /// For `stackup status`.
    pub(super) fn status(&self) -> CertificatesStatus {
        CertificatesStatus {
            listeners: self.listeners.clone(),
            reports: self.reports.clone(),
        }
    }

    /// Those that stackup orders, each once.
    pub(super) fn ordered(&self) -> Vec<CertificateFiles> {
        let mut ordered = Vec::<CertificateFiles>::new();
        let listeners = self.listeners.iter();
        let all = listeners.flat_map(|listener| &listener.settings.certificates);
        for files in all.filter(|files| files.acme.is_some()) {
            if ordered.iter().all(|known| known.cert != files.cert) {
                ordered.push(files.clone());
            }
        }
        ordered
    }

    /// Where they are.
    #[cfg_attr(not(feature = "acme"), expect(dead_code, reason = "for orders"))]
    pub(super) fn place(&self) -> &CertificatePlace {
        &self.place
    }

    /// Where to say what has become of orders.
    #[cfg_attr(not(feature = "acme"), expect(dead_code, reason = "for orders"))]
    pub(super) fn reports(&self) -> &OrderReports {
        &self.reports
    }

    /// Watches the files from now on, and warns before a certificate expires. `keep` gets the certificates that serve, now and after each change.
    ///
    /// # Errors
    ///
    /// The system refuses the watch.
    pub(super) fn follow(
        self,
        keep: impl Fn(Vec<KeptCertificates>) + Send + Sync + 'static,
    ) -> Result<(), String> {
        if self.listeners.is_empty() {
            return Ok(());
        }
        let failed = |error| format!("cannot watch the certificates: {error}");
        let (watch, changes) = Watcher::new(Timing::default()).map_err(failed)?;
        let folder = &self.place.folder;
        let files = self.listeners.iter();
        let files = files.flat_map(|one| certificates::files_of(&one.settings, folder));
        watch.set(Interest::files(files)).map_err(failed)?;
        keep(self.kept());
        tokio::spawn(self.run(watch, changes, keep));
        Ok(())
    }

    /// What serves.
    fn kept(&self) -> Vec<KeptCertificates> {
        let listeners = self.listeners.iter();
        let kept = listeners
            .map(|one| KeptCertificates::new(one.settings.clone(), &one.tls.certificates()));
        kept.collect()
    }

    async fn run(
        self,
        _watch: Watcher,
        mut changes: mpsc::Receiver<ChangeSet>,
        keep: impl Fn(Vec<KeptCertificates>) + Send + Sync,
    ) {
        let mut expiries: Vec<_> = self.listeners.iter().map(|_| Expiry::default()).collect();
        let mut look = interval(LOOK_AGAIN);
        // They may have changed before they were watched.
        self.reread(false, &keep).await;
        let mut again = Some(Instant::now() + PATIENCE);
        loop {
            tokio::select! {
                changed = changes.recv() => {
                    if changed.is_none() {
                        return;
                    }
                    again = self.reread(false, &keep).await.then(|| Instant::now() + PATIENCE);
                }
                () = until(again) => {
                    again = None;
                    self.reread(true, &keep).await;
                }
                _ = look.tick() => {}
            }
            for (listener, expiry) in self.listeners.iter().zip(&mut expiries) {
                listener.report_expiry(expiry);
            }
        }
    }

    /// Reads all files again. Reports errors that another change may correct only if they are `final`; returns whether there
    /// are such.
    async fn reread(&self, is_final: bool, keep: &impl Fn(Vec<KeptCertificates>)) -> bool {
        let (mut unfinished, mut replaced) = (false, false);
        for listener in &self.listeners {
            let (settings, place) = (listener.settings.clone(), self.place.clone());
            let read = move || place.read(&settings);
            match tokio::task::spawn_blocking(read).await {
                Ok(Ok(set)) => {
                    let before = listener.tls.certificates();
                    replaced |= listener.replace(set.or_ordered(&before, &listener.settings));
                }
                Ok(Err((_, error))) if error.may_pass() && !is_final => unfinished = true,
                Ok(Err((_, error))) => listener.refuse(&error),
                // The runtime shuts down.
                Err(_) => return false,
            }
        }
        if replaced {
            keep(self.kept());
        }
        unfinished
    }
}

/// The certificates as `stackup status` shows them.
#[derive(Debug, Default)]
pub(super) struct CertificatesStatus {
    listeners: Vec<Arc<Listener>>,
    reports: OrderReports,
}

impl CertificatesStatus {
    /// One entry for each certificate.
    pub(super) fn value(&self) -> Value {
        let now = SystemTime::now();
        self.listeners
            .iter()
            .flat_map(|listener| listener.status(now, &self.reports))
            .collect()
    }
}

/// Waits until `due`; for ever if there is no such time.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
