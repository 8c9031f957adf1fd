//! The files of the pages, compiled into the program.

use http::HeaderValue;

/// A file: its path below `/_stackup/`, its type and its content.
pub(super) struct Asset {
    path: &'static str,
    pub(super) content_type: HeaderValue,
    pub(super) content: &'static str,
    /// Whether the overlay needs it, not only the inspector.
    pub(super) overlay: bool,
}

macro_rules! asset {
    ($path:literal, $file:literal, $content_type:literal, $overlay:literal) => {
        Asset {
            path: $path,
            content_type: HeaderValue::from_static(concat!($content_type, "; charset=utf-8")),
            content: include_str!(concat!("assets/", $file)),
            overlay: $overlay,
        }
    };
}

macro_rules! script {
    ($file:literal) => {
        asset!($file, $file, "text/javascript", false)
    };
    ($file:literal, overlay) => {
        asset!($file, $file, "text/javascript", true)
    };
}

/// The file at a path below `/_stackup/`.
pub(super) fn find(path: &str) -> Option<Asset> {
    let all = [
        asset!("", "inspector.html", "text/html", false),
        asset!("inspector.css", "inspector.css", "text/css", false),
        script!("client.js", overlay),
        script!("overlay.js", overlay),
        script!("ansi.js", overlay),
        script!("cache.js"),
        script!("dom.js"),
        script!("inspector.js"),
        script!("levels.js"),
        script!("lint.js"),
        script!("log.js"),
        script!("headers.js"),
        script!("list.js"),
        script!("reloads.js"),
        script!("replays.js"),
        script!("requests.js"),
        script!("stack.js"),
        script!("waterfall.js"),
    ];
    all.into_iter().find(|asset| asset.path == path)
}
