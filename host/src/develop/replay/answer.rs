//! An answer to a request that was played.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

/// How a generation answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// With a response.
    Response {
        status: StatusCode,
        headers: HeaderMap,
        content: Content,
    },
    /// With an error or a panic.
    Failed { status: StatusCode, why: String },
    /// Not within this time.
    Late(Duration),
}

/// The body of a response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Content {
    /// Its beginning, which may be all of it.
    pub(super) bytes: Bytes,
    pub(super) end: End,
}

/// How a body ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum End {
    /// It is whole.
    #[default]
    Whole,
    /// The rest was not read.
    Cut,
    /// It failed.
    Failed(String),
    /// It did not end within this time.
    Late(Duration),
}

impl Answer {
    /// The status, if there is one.
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Response { status, .. } | Self::Failed { status, .. } => Some(*status),
            Self::Late(_) => None,
        }
    }

    /// The answer in a word or two.
    pub(super) fn outcome(&self) -> String {
        match self {
            Self::Response {
                status, content, ..
            } => match content.broken() {
                Some(how) => format!("{} (body {how})", status.as_u16()),
                None => status.as_u16().to_string(),
            },
            Self::Failed { status, why } if why.is_empty() => status.as_u16().to_string(),
            Self::Failed { status, why } => format!("{} ({why})", status.as_u16()),
            Self::Late(time) => format!("no answer within {time:?}"),
        }
    }
}

impl Content {
    /// Why it is not whole, unless it is only long.
    pub(super) fn broken(&self) -> Option<String> {
        match &self.end {
            End::Whole | End::Cut => None,
            End::Failed(why) => Some(format!("fails: {why}")),
            End::Late(time) => Some(format!("does not end within {time:?}")),
        }
    }
}
