//! The variables that describe a request (RFC 3875, section 4.1), wherever they come from.

/// The variables of a request.
pub trait Variables {
    /// The value of `name`, unless it is empty, which CGI does not tell from missing. Of several the last one counts, as with other
    /// servers: nginx sends a param twice that its configuration sets twice.
    fn value(&self, name: &str) -> Option<&[u8]>;

    /// Name and value of each; none in place of what can't be read.
    fn all(&self) -> impl Iterator<Item = Option<(&[u8], &[u8])>>;
}
