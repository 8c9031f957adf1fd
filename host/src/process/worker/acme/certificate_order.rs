//! One certificate that stackup orders: whether it is time to, and what has become of it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use ring::rand::{SecureRandom, SystemRandom};

use super::attempts::{Attempts, BegunOrder};
use super::client::AcmeClient;
use super::error::OrderError;
use super::exchange::Exchange;
use crate::load::acme::{AcmeFolder, PendingChallenge};
use crate::load::certificates::{CertificateError, CertificatePlace};
use crate::load::manifest::{Acme, CertificateFiles};
use crate::policy::{OrderFailure, OrderHistory, renewal_time};
use crate::process::worker::certificates::OrderReports;
use crate::services::FetchHub;

/// How long an exchange with a CA may take. It is continued where it ends.
const LONGEST: Duration = Duration::from_secs(600);

/// When to look again while another worker orders.
const BUSY: Duration = Duration::from_secs(1);

/// The wait after a fault of this machine's files, which only people can correct.
const FAULT: Duration = Duration::from_secs(60);

/// A certificate that stackup orders.
pub(super) struct CertificateOrder {
    files: CertificateFiles,
    acme: Acme,
    place: CertificatePlace,
    folder: AcmeFolder,
    fetch: FetchHub,
    reports: OrderReports,
}

impl CertificateOrder {
    /// None for files that somebody else writes.
    pub(super) fn new(
        files: CertificateFiles,
        place: CertificatePlace,
        fetch: FetchHub,
        reports: OrderReports,
    ) -> Option<Self> {
        let acme = files.acme.clone()?;
        let folder = AcmeFolder::new(place.folder.join(acme.folder()), place.trust);
        Some(Self {
            files,
            acme,
            place,
            folder,
            fetch,
            reports,
        })
    }

    /// Orders it, if it is time to, and returns when to look again.
    pub(super) async fn advance(&self) -> Duration {
        match self.try_advance().await {
            Ok(wait) => wait,
            Err(error) => {
                self.failed(&error, FAULT);
                FAULT
            }
        }
    }

    /// An error is one of this machine's files.
    async fn try_advance(&self) -> Result<Duration, OrderError> {
        let left = self.time_left()?;
        if !left.is_zero() {
            self.reports.clear(&self.files.cert);
            return Ok(left);
        }
        let Some(_lock) = self.folder.lock()? else {
            return Ok(BUSY);
        };
        // The worker that had the lock may have got it.
        let left = self.time_left()?;
        if !left.is_zero() {
            return Ok(left);
        }
        let mut attempts = Attempts::read(&self.folder, &self.acme)?;
        let begun = BegunOrder::read(&self.folder, &self.acme)?;
        let wait = attempts.history.wait(SystemTime::now(), begun.is_some());
        if !wait.is_zero() {
            if let Some(error) = &attempts.error {
                self.reports.set(&self.files.cert, error, wait);
            }
            return Ok(wait);
        }
        self.begins();
        PendingChallenge::end_all(&self.folder)?;
        let ordered = self.order(begun, &mut attempts.history).await;
        let now = SystemTime::now();
        let wait = match ordered {
            Ok(()) => {
                attempts.history.succeed();
                attempts.error = None;
                Duration::ZERO
            }
            Err(error) => {
                attempts.history.fail(error.failure, now, spread());
                let wait = attempts.history.wait(now, false);
                self.failed(&error, wait);
                attempts.error = Some(error.text);
                wait
            }
        };
        attempts.write(&self.folder, &self.acme)?;
        // A certificate of which too little is left is due at once: the next look counts the orders.
        Ok(wait)
    }

    /// How long until it is to be ordered: zero if it is missing, ends soon, or lacks a domain.
    fn time_left(&self) -> Result<Duration, CertificateError> {
        let now = SystemTime::now();
        let Some(certificate) = self.place.read_ordered(&self.files, &self.acme, now)? else {
            return Ok(Duration::ZERO);
        };
        let has = |domain| certificate.names.contains(domain);
        if !self.acme.domains.iter().all(has) {
            return Ok(Duration::ZERO);
        }
        let due = renewal_time(certificate.begins, certificate.expires);
        Ok(due.duration_since(now).unwrap_or_default())
    }

    async fn order(
        &self,
        begun: Option<BegunOrder>,
        history: &mut OrderHistory,
    ) -> Result<(), OrderError> {
        let roots = self.place.read_acme_roots(&self.acme)?;
        let exchange = Exchange {
            acme: &self.acme,
            folder: &self.folder,
            client: AcmeClient {
                fetch: self.fetch.clone(),
                roots: roots.map(Bytes::from),
            },
        };
        // On the disk before the CA is asked: a worker that dies over it has ordered as well.
        let mut begins = || {
            let now = SystemTime::now();
            if !history.wait(now, false).is_zero() {
                let text = "the CA does not know the order that had begun, and it is too early for another";
                return Err(OrderError::refused(text));
            }
            history.begin(now);
            let attempts = Attempts {
                history: history.clone(),
                error: None,
            };
            Ok(attempts.write(&self.folder, &self.acme)?)
        };
        let exchanged = tokio::time::timeout(LONGEST, exchange.run(begun, &mut begins)).await;
        let exchanged = exchanged.unwrap_or_else(|_| {
            let text = format!("the exchange with the CA is not done after {LONGEST:?}");
            Err(OrderError::unreached(text))
        });
        match exchanged {
            Ok(pem) => {
                // The listeners watch this file.
                self.folder
                    .write(&format!("{}.pem", self.acme.name()), &pem)?;
                BegunOrder::forget(&self.folder, &self.acme)?;
                self.succeeded();
                Ok(())
            }
            Err(error) => {
                if error.is_of_account {
                    self.folder.remove("account.json")?;
                }
                if error.is_of_account || error.failure == OrderFailure::Refused {
                    BegunOrder::forget(&self.folder, &self.acme)?;
                }
                Err(error)
            }
        }
    }

    fn begins(&self) {
        let (directory, domains) = (&self.acme.directory, self.acme.domains.join(", "));
        tracing::info!(
            event = "acme",
            outcome = "begun",
            domains,
            directory,
            "ordering a certificate for {domains} from `{directory}`"
        );
    }

    fn succeeded(&self) {
        self.reports.clear(&self.files.cert);
        let (file, domains) = (self.files.cert.display(), self.acme.domains.join(", "));
        tracing::info!(
            event = "acme",
            outcome = "issued",
            file = %file,
            domains,
            "the CA has issued the certificate for {domains}: `{file}`"
        );
    }

    fn failed(&self, error: &OrderError, wait: Duration) {
        self.reports.set(&self.files.cert, &error.text, wait);
        let (domains, text) = (self.acme.domains.join(", "), &error.text);
        let seconds = wait.as_secs_f64();
        tracing::error!(
            event = "acme",
            outcome = "failed",
            file = %self.files.cert.display(),
            domains,
            error = text,
            seconds,
            "there is no new certificate for {domains}: {text}\n\nstackup tries again in {seconds:.0} s"
        );
    }
}

/// A random number from 0 to 1.
fn spread() -> f64 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}
