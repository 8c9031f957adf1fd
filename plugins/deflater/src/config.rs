//! The config of `deflater`.

use std::fmt::Display;
use std::ops::RangeInclusive;

use stackup_plugin::header::CONTENT_TYPE;
use stackup_plugin::{Error, Response, Result};

/// `[use.config]` of `deflater`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The available codings; if a client prefers several equally, the first one is used.
    pub(crate) codings: Vec<Coding>,
    /// Media types to compress, such as `text/html` or `text/*`; empty means all.
    pub(crate) include: Vec<String>,
    /// Whether to send each chunk at once, rather than wait for enough data.
    pub(crate) sync: bool,
    /// The compression levels.
    pub(crate) level: Levels,
}

/// A content coding (RFC 9110 §8.4.1, RFC 7932, RFC 8878).
#[stackup_plugin::config]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    /// DEFLATE with a checksum, which every client supports.
    Gzip,
    /// Brotli.
    Br,
    /// Zstandard.
    Zstd,
}

/// Compression levels: a higher level takes more time and saves more bytes.
#[stackup_plugin::config]
#[serde(default)]
pub struct Levels {
    /// From 1 to 9.
    pub(crate) gzip: u32,
    /// From 0 to 11.
    pub(crate) br: u32,
    /// From 1 to 19.
    pub(crate) zstd: i32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            codings: vec![Coding::Zstd, Coding::Br, Coding::Gzip],
            include: Vec::new(),
            sync: true,
            level: Levels::default(),
        }
    }
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            gzip: 6,
            br: 4,
            zstd: 3,
        }
    }
}

impl Coding {
    /// Its name in headers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<()> {
        if self.codings.is_empty() {
            let message = "expected at least one of \"gzip\", \"br\" and \"zstd\"";
            return Err(Error::config("codings", message));
        }
        for (index, kind) in self.include.iter().enumerate() {
            let parts = kind
                .split_once('/')
                .filter(|(kind, sub)| !kind.is_empty() && !sub.is_empty());
            if parts.is_none() || kind.contains(';') {
                let message =
                    format!("{kind:?} is not a media type such as \"text/html\" or \"text/*\"");
                return Err(Error::config(format!("include[{index}]"), message));
            }
        }
        within("level.gzip", self.level.gzip, 1..=9)?;
        within("level.br", self.level.br, 0..=11)?;
        // Above 19 the window exceeds the 8 MiB that clients must support (RFC 9659).
        within("level.zstd", self.level.zstd, 1..=19)
    }

    /// Whether responses of its type are compressed.
    pub(crate) fn includes(&self, res: &Response) -> bool {
        if self.include.is_empty() {
            return true;
        }
        let kind = res.header(CONTENT_TYPE).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        self.include
            .iter()
            .any(|included| match included.strip_suffix("/*") {
                Some(all) => kind
                    .split('/')
                    .next()
                    .is_some_and(|main| main.eq_ignore_ascii_case(all)),
                None => kind.eq_ignore_ascii_case(included),
            })
    }
}

fn within<N: PartialOrd + Display>(key: &str, level: N, range: RangeInclusive<N>) -> Result<()> {
    let (least, most) = (range.start(), range.end());
    let refuse = || Error::config(key, format!("{level} is not between {least} and {most}"));
    range.contains(&level).then_some(()).ok_or_else(refuse)
}
