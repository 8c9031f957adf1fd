//! How a stack stands inside another program.

/// A stack inside another program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Whether it stands around a service of that program, which is its app.
    pub wraps: bool,
    /// Whether another stack of the process sets up what plugins are lent.
    pub shares: bool,
    /// Whether it ends with its first request (`stackup cgi`): what has no effect would be reported with each request.
    pub is_cgi: bool,
}
