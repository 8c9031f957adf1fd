//! Variables in the environment of a process, as a web server starts one for a request.

use std::os::unix::ffi::OsStringExt;

use super::variables::Variables;

/// The environment of this process.
#[derive(Debug)]
pub struct Environment(Vec<(Vec<u8>, Vec<u8>)>);

impl Environment {
    /// As it is now.
    #[must_use]
    pub fn of_process() -> Self {
        let variables = std::env::vars_os();
        let bytes = variables.map(|(name, value)| (name.into_vec(), value.into_vec()));
        Self(bytes.collect())
    }

    /// Whether a web server has started the process for a request.
    #[must_use]
    pub fn is_of_request(&self) -> bool {
        ["GATEWAY_INTERFACE", "REQUEST_METHOD"]
            .iter()
            .any(|name| self.value(name).is_some())
    }

    /// Whether a body follows whose length nobody has said: the web server has taken it out of its chunks.
    #[must_use]
    pub fn has_chunks(&self) -> bool {
        self.value("HTTP_TRANSFER_ENCODING").is_some()
    }

    #[cfg(test)]
    pub(super) fn of(variables: &[(&str, &str)]) -> Self {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let variables = variables.iter();
        Self(
            variables
                .map(|(name, value)| (bytes(name), bytes(value)))
                .collect(),
        )
    }
}

impl Variables for Environment {
    fn value(&self, name: &str) -> Option<&[u8]> {
        let named = self
            .0
            .iter()
            .rfind(|(known, _)| known == name.as_bytes())
            .map(|(_, value)| &value[..]);
        named.filter(|value| !value.is_empty())
    }

    fn all(&self) -> impl Iterator<Item = Option<(&[u8], &[u8])>> {
        self.0
            .iter()
            .map(|(name, value)| Some((&name[..], &value[..])))
    }
}
