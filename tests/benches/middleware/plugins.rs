//! The manifests whose layers are measured.

use std::fmt::Write as _;

use crate::{READS, SETS, VALUE};

/// The app alone.
pub(crate) fn app() -> String {
    over_the_app("")
}

/// The app behind ten layers that read and set a header.
pub(crate) fn headers() -> String {
    let mut text = String::new();
    for (read, set) in READS.iter().zip(SETS) {
        let _ = write!(
            text,
            "[[use]]\nplugin = \"ten-headers#header\"\n\
             config = {{ read = \"{read}\", set = \"{set}\", value = \"{VALUE}\" }}\n"
        );
    }
    over_the_app(&text)
}

/// The app behind ten layers that do nothing.
pub(crate) fn nothing() -> String {
    over_the_app(&"[[use]]\nplugin = \"ten-headers#nothing\"\n".repeat(10))
}

/// The same, each of them measured.
pub(crate) fn measured() -> String {
    format!("{}[metrics]\nlayers = true\n", nothing())
}

fn over_the_app(uses: &str) -> String {
    format!("{uses}[run]\nplugin = \"hello\"\n")
}
