//! What a manifest can't say where its stack stands inside another program.

use super::Reader;
use super::table::{Entry, Table};
use crate::load::manifest::Diagnostic;

/// Keys that have no effect there, and why.
const SERVER: (&[&str], &str) = (&["listen"], "another program accepts the connections");
const LIMITS: (&[&str], &str) = (
    &[
        "header_bytes",
        "header_count",
        "header_timeout",
        "send_timeout",
        "connections",
        "shutdown_timeout",
    ],
    "the server around the stack decides about connections",
);
const SUPERVISED: (&[&str], &str) = (
    &["block_limit", "worker_timeout", "crashes", "crash_window"],
    "no supervisor watches over this program",
);
const SHARED: (&[&str], &str) = (
    &["store", "log", "metrics", "fetches"],
    "the program's first stack decides for all of them",
);

/// Reports the keys of a table that have no effect.
pub(super) fn keys(reader: &mut Reader<'_>, table: &Table<'_>) {
    let embedded = reader.settings.embedded;
    let Some(embedded) = embedded.filter(|embedded| !embedded.is_cgi) else {
        return;
    };
    let shared = embedded.shares.then_some(SHARED);
    for (keys, why) in [SERVER, LIMITS, SUPERVISED].into_iter().chain(shared) {
        for key in keys {
            if let Some(entry) = table.peek(key) {
                reader.report(
                    Diagnostic::warning(
                        entry.key,
                        format!("`{key}` has no effect inside another program"),
                    )
                    .label(why)
                    .help("remove it, or serve this manifest with `stackup serve`"),
                );
            }
        }
    }
}

/// Whether the app at the top is a service of the program.
pub(super) fn wraps(reader: &Reader<'_>) -> bool {
    reader
        .settings
        .embedded
        .is_some_and(|embedded| embedded.wraps)
}

/// Reports an app at the top of a layer.
pub(super) fn app_of_layer(reader: &mut Reader<'_>, key: &str, entry: &Entry<'_>) {
    reader.report(
        Diagnostic::error(entry.key.clone(), format!("a layer has no `{key}`"))
            .label("the layer's own service is its app")
            .help(
                "remove it, give it a path with `[[map]]`, or open the manifest with `Stack::open`",
            ),
    );
}

#[cfg(test)]
#[path = "embedded_tests.rs"]
mod tests;
