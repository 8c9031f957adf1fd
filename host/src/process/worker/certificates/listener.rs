//! A listener with `tls`, and what it shows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::OrderReports;
use crate::load::certificates::{CertificateError, CertificateSet, ClientCas};
use crate::load::manifest::ListenTls;
use crate::policy::{Expiry, ExpiryNotice};
use crate::serve::server::tls::Tls;

/// A listener with `tls`; several sockets may be of one.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) settings: ListenTls,
    pub(super) http2: bool,
    pub(super) tls: Arc<Tls>,
    /// Why what is on the disk does not serve.
    refused: Mutex<Option<String>>,
}

impl Listener {
    pub(super) fn new(settings: ListenTls, http2: bool, tls: Arc<Tls>) -> Self {
        Self {
            settings,
            http2,
            tls,
            refused: Mutex::default(),
        }
    }

    /// Returns whether they are others than before.
    pub(super) fn replace(&self, set: CertificateSet) -> bool {
        *self.refused() = None;
        let before = self.tls.certificates();
        let (chains, cas) = (has_same_chains(&set, &before), has_same_cas(&set, &before));
        if chains && cas {
            return false;
        }
        if let Err(error) = self.tls.replace(set) {
            tracing::error!(
                event = "certificate",
                outcome = "refused",
                "TLS can't be set up with the new certificates: {error}"
            );
            return false;
        }
        // Only now: who reads it may connect.
        let certificates = self.tls.certificates();
        for certificate in certificates.all().iter().filter(|_| !chains) {
            report_replaced("the certificate", &certificate.file, certificate.expires);
        }
        if let Some(cas) = certificates.client_cas().filter(|_| !cas) {
            report_replaced("the file of clients' CAs", &cas.file, cas.expires);
        }
        true
    }

    pub(super) fn refuse(&self, error: &CertificateError) {
        let error = error.to_string();
        let mut refused = self.refused();
        if refused.as_ref() == Some(&error) {
            return;
        }
        tracing::error!(
            event = "certificate",
            outcome = "refused",
            error,
            "{error}\n\nthe change is refused: the certificates before it keep serving"
        );
        *refused = Some(error);
    }

    pub(super) fn report_expiry(&self, expiry: &mut Expiry) {
        let certificates = self.tls.certificates();
        let Some((end, file)) = certificates.first_end() else {
            return;
        };
        let Some(notice) = expiry.due(end, SystemTime::now()) else {
            return;
        };
        let expires = httpdate::fmt_http_date(end);
        match notice {
            ExpiryNotice::Soon(days) => {
                let left = match days {
                    1 => "a day".to_owned(),
                    days => format!("{days} days"),
                };
                tracing::warn!(
                    event = "certificate",
                    outcome = "expires",
                    file,
                    expires,
                    days,
                    "the certificate `{file}` expires in {left}, on {expires}: is its renewal broken?"
                );
            }
            ExpiryNotice::Expired => tracing::error!(
                event = "certificate",
                outcome = "expired",
                file,
                expires,
                "the certificate `{file}` has expired on {expires}: clients refuse it"
            ),
        }
    }

    /// One entry for each certificate, for `stackup status`.
    pub(super) fn status(&self, now: SystemTime, reports: &OrderReports) -> Vec<Value> {
        let refused = self.refused().clone();
        let certificates = self.tls.certificates();
        let entry = |file: &str, names: &[String], expires: SystemTime| {
            json!({
                "file": file,
                "names": names,
                "expires": httpdate::fmt_http_date(expires),
                "seconds": expires.duration_since(now).map_or(0, |left| left.as_secs()),
                "refused": refused,
            })
        };
        let own = self.settings.certificates.iter().filter_map(|files| {
            let file = files.cert.display().to_string();
            let mut all = certificates.all().iter();
            let read = all.find(|one| one.file == file);
            let mut shown = match (read, &files.acme) {
                (Some(one), _) => entry(&one.file, &one.names, one.expires),
                // None yet.
                (None, Some(acme)) => json!({ "file": file, "names": acme.domains, "seconds": 0 }),
                (None, None) => return None,
            };
            shown["order"] = reports.value(&files.cert);
            Some(shown)
        });
        let cas = certificates.client_cas();
        let cas = cas.map(|cas| entry(&cas.file, &cas.subjects, cas.expires));
        own.chain(cas).collect()
    }

    fn refused(&self) -> MutexGuard<'_, Option<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report_replaced(what: &str, file: &str, expires: SystemTime) {
    let expires = httpdate::fmt_http_date(expires);
    tracing::info!(
        event = "certificate",
        outcome = "replaced",
        file,
        expires,
        "{what} `{file}` was read again: it is valid until {expires}"
    );
}

fn has_same_chains(one: &CertificateSet, other: &CertificateSet) -> bool {
    let chains = |set: &CertificateSet| {
        let all = set.all().iter();
        all.map(|one| one.key.cert.clone()).collect::<Vec<_>>()
    };
    chains(one) == chains(other)
}

fn has_same_cas(one: &CertificateSet, other: &CertificateSet) -> bool {
    let identity = |set: &CertificateSet| set.client_cas().map(ClientCas::identity);
    identity(one) == identity(other)
}
