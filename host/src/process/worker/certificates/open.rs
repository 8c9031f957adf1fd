//! The certificates that a worker begins with.

use std::path::Path;

use super::{Certificates, Unusable};
use crate::load::certificates::{CertificatePlace, certificate_diagnostic};
use crate::load::manifest::{ListenProtocols, Source};
use crate::process::ipc::WorkerConfig;
use crate::serve::generation::Reloader;
use crate::serve::server::Protocols;

/// What each of the sockets speaks, and the certificates of all.
///
/// # Errors
///
/// A certificate that can't be used, as text for people.
pub(in crate::process::worker) fn open_certificates(
    config: &WorkerConfig,
    reloader: &Reloader,
    sockets: usize,
) -> Result<(Vec<Protocols>, Certificates), String> {
    let (protocols, old) = (config.protocols.clone(), config.proxy_protocol.clone());
    let listen =
        ListenProtocols::of_each(protocols, old).chain(std::iter::repeat_with(Default::default));
    let folder = config.location.as_deref().and_then(Path::parent);
    let manifest = reloader.manifest();
    let place = CertificatePlace {
        folder: folder.unwrap_or(reloader.directory()).to_path_buf(),
        trust: config.trust,
    };
    let listen = listen.take(sockets).collect();
    let (tickets, kept) = (config.tickets.clone(), &config.certificates);
    let opened = Certificates::open(listen, place, tickets, kept);
    opened.map_err(|Unusable { tls, index, error }| {
        let span = manifest.and_then(|manifest| manifest.server.certificate_span(&tls, index));
        let Some((span, snapshot)) = span.zip(reloader.snapshot()) else {
            return error;
        };
        let source = Source {
            path: config.manifest.clone(),
            text: snapshot.manifest.clone(),
        };
        let error = certificate_diagnostic(span, &error);
        source.render(&[error], config.color)
    })
}
