//! The certificates of `listen`, read as a server reads them when it starts.

use std::fs;

use super::arguments::ManifestArgs;
use crate::load::certificates::{CertificatePlace, certificate_diagnostic};
use crate::load::manifest::Source;
use crate::load::site;
use crate::serve::generation::Reloader;

/// Checks all of them.
///
/// # Errors
///
/// The text for people about those that can't be used, the first of each listener.
pub(super) fn check_certificates(
    reloader: &Reloader,
    args: &ManifestArgs,
    color: bool,
) -> Result<(), String> {
    let Some(server) = reloader.manifest().map(|manifest| &manifest.server) else {
        return Ok(());
    };
    let location = site::absolute(&args.manifest);
    let place = CertificatePlace {
        folder: location.parent().unwrap_or(reloader.directory()).into(),
        trust: args.trust.trust,
    };
    let mut all = Vec::new();
    let listeners = server.listen.iter();
    for tls in listeners.filter_map(|entry| entry.protocols.tls.as_ref()) {
        if !all.contains(&tls) {
            all.push(tls);
        }
    }
    let errors = all.into_iter().filter_map(|tls| {
        let (index, error) = place.read(tls).err()?;
        let span = server.certificate_span(tls, index).unwrap_or_default();
        Some(certificate_diagnostic(span, &error.to_string()))
    });
    let errors: Vec<_> = errors.collect();
    if errors.is_empty() {
        return Ok(());
    }
    let source = Source {
        path: args.manifest.clone(),
        // If it has changed since it was checked, the places are wrong, but not the messages.
        text: fs::read_to_string(&args.manifest).unwrap_or_default(),
    };
    Err(source.render(&errors, color))
}
