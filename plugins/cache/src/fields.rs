//! Headers of the host as fields of the rules.

use http_cache::Fields;
use stackup_plugin::{Headers, Value};

/// The headers of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of<'h>(pub(crate) Headers<'h>);

impl Fields for Of<'_> {
    fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.get_all(name).map(Value::as_bytes)
    }

    fn all(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name, value.as_bytes()))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}
