//! The files of the page, built into the program.

use http::HeaderValue;

/// A file: its path below `/_stackup/`, its type and its content.
pub(super) struct Asset {
    path: &'static str,
    pub(super) content_type: HeaderValue,
    pub(super) content: &'static str,
}

macro_rules! asset {
    ($path:literal, $file:literal, $content_type:literal) => {
        Asset {
            path: $path,
            content_type: HeaderValue::from_static(concat!($content_type, "; charset=utf-8")),
            content: include_str!(concat!("assets/", $file)),
        }
    };
}

/// The file at a path below `/_stackup/`.
pub(super) fn find(path: &str) -> Option<Asset> {
    let all = [
        asset!("", "inspector.html", "text/html"),
        asset!("inspector.css", "inspector.css", "text/css"),
        asset!("inspector.js", "inspector.js", "text/javascript"),
        asset!("client.js", "client.js", "text/javascript"),
    ];
    all.into_iter().find(|asset| asset.path == path)
}
