//! The kinds of offences: each a rule of SPEC.md, and how to mend it.

/// A kind of offence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A call keeps its thread.
    Blocks,
    /// Tasks of requests pile up.
    Pile,
    /// A request's body was taken and not put back.
    BodyTaken,
    /// A request without any path.
    NoPath,
    /// A request for `*` that is none of OPTIONS.
    Star,
    /// A final response of 1xx.
    Informational,
    /// `transfer-encoding` of a handler.
    Framing,
    /// A streaming body is kept until it is whole.
    HeldBack,
    /// `content-length` is no number.
    NoLength,
    /// `content-length` is not the body's.
    Length,
    /// Other bytes under the same strong `etag`.
    Tag,
    /// A body that goes on after its end.
    GoesOn,
    /// A body that is not of the size that it says.
    Size,
    /// A body keeps its thread.
    BodyBlocks,
    /// A response that has no content has a body.
    Body,
    /// It has headers of one.
    OfBody,
    /// A header that speaks of the connection.
    Connection,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Blocks,
        Self::Pile,
        Self::BodyTaken,
        Self::NoPath,
        Self::Star,
        Self::Informational,
        Self::Framing,
        Self::HeldBack,
        Self::NoLength,
        Self::Length,
        Self::Tag,
        Self::GoesOn,
        Self::Size,
        Self::BodyBlocks,
        Self::Body,
        Self::OfBody,
        Self::Connection,
    ];

    /// The rule's number in SPEC.md.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Blocks => "K1",
            Self::Pile => "K3",
            Self::BodyTaken => "K5",
            Self::NoPath | Self::Star => "R8",
            Self::Informational | Self::Framing => "R17",
            Self::HeldBack => "K8",
            Self::NoLength | Self::Length | Self::Tag => "K9",
            Self::GoesOn | Self::Size | Self::BodyBlocks => "K10",
            Self::Body | Self::OfBody => "K12",
            Self::Connection => "K13",
        }
    }

    /// How to mend it.
    pub fn help(self) -> &'static str {
        match self {
            Self::Blocks | Self::BodyBlocks => {
                "let it await (`cx.sleep`, a body that streams), or give the work a thread of its own"
            }
            Self::Pile => {
                "end a task when nobody needs what it does, or give one task all the work"
            }
            Self::BodyTaken => {
                "put back what is to be passed on with `req.set_body`, as `Body::prepend` or \
                 `Collected` makes it, or make the headers say that there is none"
            }
            Self::NoPath => "leave a `/` in one of them",
            Self::Star => "only `OPTIONS *` asks for the server as a whole: use a path",
            Self::Informational => "answer with 200 or above",
            Self::Framing => "remove it: the server knows how it sends a body",
            Self::HeldBack => "map its chunks as they come (`Body::map_chunks`, `Body::rewrite`)",
            Self::NoLength => "set it once, to decimal digits alone",
            Self::Length => "remove it or set it right where the body is changed",
            Self::Tag => {
                "remove `etag` where the body is changed, or make it weak (`W/`) if it means the same"
            }
            Self::GoesOn => "end the body with its trailers, and give nothing after its end",
            Self::Size => "have `size_hint` say what is still to come, or nothing",
            Self::Body => "answer with the status alone: the server drops the body",
            Self::OfBody => "remove it: answer with the status alone",
            Self::Connection => "remove it: the connection is the server's",
        }
    }
}
