//! The kinds of violations, each with its rule in SPEC.md and how to fix it.

/// A kind of violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A call blocks its thread.
    BlockingCall,
    /// Tasks outlive their requests and accumulate.
    TaskPileUp,
    /// A request's body was taken and not put back.
    BodyTaken,
    /// A request without a path.
    EmptyPath,
    /// A request for `*` that is not OPTIONS.
    AsteriskPath,
    /// A final response with a 1xx status.
    InformationalStatus,
    /// A handler set `transfer-encoding`.
    TransferEncoding,
    /// A streaming body was buffered.
    Buffering,
    /// `content-length` is not a single number.
    InvalidContentLength,
    /// `content-length` differs from the body's length.
    WrongContentLength,
    /// Other bytes under the same strong `etag`.
    StaleEtag,
    /// A body sent data after its end.
    DataAfterEnd,
    /// A body's length differs from its size hint.
    WrongSizeHint,
    /// A body blocks its thread.
    BlockingBody,
    /// A response without content has a body.
    UnexpectedBody,
    /// A response without content has headers that describe content.
    ContentHeader,
    /// A handler set a header that belongs to the connection.
    ConnectionHeader,
    /// Two handlers leave values of different shapes under one name.
    ValueShape,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 18] = [
        Self::BlockingCall,
        Self::TaskPileUp,
        Self::BodyTaken,
        Self::EmptyPath,
        Self::AsteriskPath,
        Self::InformationalStatus,
        Self::TransferEncoding,
        Self::Buffering,
        Self::InvalidContentLength,
        Self::WrongContentLength,
        Self::StaleEtag,
        Self::DataAfterEnd,
        Self::WrongSizeHint,
        Self::BlockingBody,
        Self::UnexpectedBody,
        Self::ContentHeader,
        Self::ConnectionHeader,
        Self::ValueShape,
    ];

    /// The rule's number in SPEC.md.
    pub fn rule(self) -> &'static str {
        match self {
            Self::BlockingCall => "K1",
            Self::TaskPileUp => "K3",
            Self::BodyTaken => "K5",
            Self::EmptyPath | Self::AsteriskPath => "R8",
            Self::InformationalStatus | Self::TransferEncoding => "R17",
            Self::Buffering => "K8",
            Self::InvalidContentLength | Self::WrongContentLength | Self::StaleEtag => "K9",
            Self::DataAfterEnd | Self::WrongSizeHint | Self::BlockingBody => "K10",
            Self::UnexpectedBody | Self::ContentHeader => "K12",
            Self::ConnectionHeader => "K13",
            Self::ValueShape => "K14",
        }
    }

    /// How to fix it.
    pub fn help(self) -> &'static str {
        match self {
            Self::BlockingCall | Self::BlockingBody => {
                "await instead (`cx.sleep`, a streaming body), or move the work to its own thread"
            }
            Self::TaskPileUp => {
                "end a task when its work is no longer needed, or give all the work to one task"
            }
            Self::BodyTaken => {
                "put the body back with `req.set_body` (see `Body::prepend` and `Collected`), or remove the \
                 headers that describe it"
            }
            Self::EmptyPath => "keep a `/` in one of them",
            Self::AsteriskPath => {
                "`*` stands for the whole server, in `OPTIONS *` only: use a path"
            }
            Self::InformationalStatus => "respond with 200 or above",
            Self::TransferEncoding => "remove it: the server frames the body",
            Self::Buffering => {
                "transform chunks as they arrive (`Body::map_chunks`, `Body::rewrite`)"
            }
            Self::InvalidContentLength => "set it once, in decimal digits",
            Self::WrongContentLength => "remove or correct it where the body changes",
            Self::StaleEtag => {
                "remove `etag` where the body changes, or make it weak (`W/`) if the meaning stays the same"
            }
            Self::DataAfterEnd => "send nothing after the trailers or the end",
            Self::WrongSizeHint => "let `size_hint` return the remaining length, or nothing",
            Self::UnexpectedBody => "send the status without a body: the server drops it",
            Self::ContentHeader => "remove it: the response has no content",
            Self::ConnectionHeader => "remove it: the server manages the connection",
            Self::ValueShape => "agree on one type, or put it under another name",
        }
    }
}
