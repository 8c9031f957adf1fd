//! A listener with `tls`, and what it shows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::CertificatePlace;
use crate::load::certificates::{self, Certificate, CertificateError, CertificateSet};
use crate::load::manifest::{CertificateFiles, ListenTls};
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
        if is_same(&set, &self.tls.certificates()) {
            return false;
        }
        self.tls.replace(set);
        // Only now: who reads it may connect.
        for certificate in self.tls.certificates().all() {
            let file = &certificate.file;
            let expires = httpdate::fmt_http_date(certificate.expires);
            tracing::info!(
                event = "certificate",
                outcome = "replaced",
                file,
                expires,
                "the certificate `{file}` was read again: it is valid until {expires}"
            );
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
        let Some(first) = certificates.all().iter().min_by_key(|one| one.expires) else {
            return;
        };
        let Some(notice) = expiry.due(first.expires, SystemTime::now()) else {
            return;
        };
        let (file, expires) = (&first.file, httpdate::fmt_http_date(first.expires));
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
    pub(super) fn status(&self, now: SystemTime) -> Vec<Value> {
        let refused = self.refused().clone();
        let certificates = self.tls.certificates();
        let all = certificates.all().iter();
        let all = all.map(|one| {
            json!({
                "file": one.file,
                "names": one.names,
                "expires": httpdate::fmt_http_date(one.expires),
                "seconds": one.expires.duration_since(now).map_or(0, |left| left.as_secs()),
                "refused": refused,
            })
        });
        all.collect()
    }

    fn refused(&self) -> MutexGuard<'_, Option<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the certificates of a listener; each must be valid now.
pub(super) fn read(
    settings: &ListenTls,
    place: &CertificatePlace,
) -> Result<CertificateSet, (usize, CertificateError)> {
    let read = |files: &CertificateFiles| -> Result<Certificate, CertificateError> {
        let certificate = certificates::read(files, &place.folder, place.trust)?;
        certificate.check_time(SystemTime::now())?;
        Ok(certificate)
    };
    let files = settings.certificates.iter().enumerate();
    let all = files.map(|(index, files)| read(files).map_err(|error| (index, error)));
    Ok(CertificateSet::new(all.collect::<Result<_, _>>()?))
}

fn is_same(one: &CertificateSet, other: &CertificateSet) -> bool {
    let chains = |set: &CertificateSet| {
        let all = set.all().iter();
        all.map(|one| one.key.cert.clone()).collect::<Vec<_>>()
    };
    chains(one) == chains(other)
}
