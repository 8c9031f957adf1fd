//! What a cache did, for people: `Cache-Status` (RFC 9211).

use std::fmt::{self, Write};

use crate::rule::Rule;

/// Why a request went to the layers below (RFC 9211 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// The cache was not asked.
    Bypass,
    /// The method is not answered from a cache.
    Method,
    /// Nothing is stored for the target.
    UriMiss,
    /// What is stored is for other values of the fields in `Vary`.
    VaryMiss,
    /// The client wants it.
    Request,
    /// The stored response is stale.
    Stale,
    /// Only a part is stored.
    Partial,
}

/// A member of `Cache-Status`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// Whether the response was stored before (§2.1). Otherwise `forward` says why not.
    pub hit: bool,
    /// Why the request went on.
    pub forward: Option<Forward>,
    /// The status of the layers below, where it is not that of the response.
    pub forward_status: Option<u16>,
    /// Seconds for which the response is still fresh.
    pub ttl: Option<i64>,
    /// Whether the response is stored now.
    pub stored: bool,
    /// Whether the request joined another one's.
    pub collapsed: bool,
    /// The rule behind it.
    pub detail: Option<Rule>,
}

impl Forward {
    fn token(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

impl CacheStatus {
    /// Writes the member. `name` is a token.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write(&self, name: &str, out: &mut impl Write) -> fmt::Result {
        out.write_str(name)?;
        if self.hit {
            out.write_str("; hit")?;
        }
        if let Some(forward) = self.forward {
            write!(out, "; fwd={}", forward.token())?;
        }
        if let Some(status) = self.forward_status {
            write!(out, "; fwd-status={status}")?;
        }
        if let Some(ttl) = self.ttl {
            write!(out, "; ttl={ttl}")?;
        }
        if self.stored {
            out.write_str("; stored")?;
        }
        if self.collapsed {
            out.write_str("; collapsed")?;
        }
        if let Some(Rule { section, text }) = self.detail {
            for part in ["; detail=\"", text, " ("] {
                out.write_str(part)?;
            }
            // A string of structured fields is ASCII.
            for part in section.split('§') {
                out.write_str(part)?;
            }
            out.write_str(")\"")?;
        }
        Ok(())
    }
}
