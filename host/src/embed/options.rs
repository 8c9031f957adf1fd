//! How a stack is opened.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Extensions;

use super::client::Client;
use super::open::open;
use super::open_error::OpenError;
use super::probe::ProbeBy;
use super::stack::{Stack, StackLayer};
use crate::load::library::Trust;

/// How a stack is opened; see [`Stack::open`].
#[derive(Clone)]
pub struct OpenOptions {
    pub(super) environment: String,
    pub(super) locked: bool,
    pub(super) trust: Option<Trust>,
    pub(super) is_cgi: bool,
    pub(super) watch: bool,
    pub(super) probe: ProbeBy,
    pub(super) client: ClientOf,
}

/// Finds the client of a request.
pub(super) type ClientOf = Arc<dyn Fn(&Extensions) -> Option<Client> + Send + Sync>;

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            environment: "production".to_owned(),
            locked: false,
            trust: None,
            is_cgi: false,
            watch: true,
            probe: ProbeBy::default(),
            client: Arc::new(Client::of),
        }
    }
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions")
            .field("environment", &self.environment)
            .field("locked", &self.locked)
            .field("trust", &self.trust)
            .field("watch", &self.watch)
            .field("probe", &self.probe)
            .finish_non_exhaustive()
    }
}

impl OpenOptions {
    /// The defaults: production, watched, this program as its own probe.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The environment that `only` and `except` of the manifest refer to.
    #[must_use]
    pub fn environment(self, environment: impl Into<String>) -> Self {
        let environment = environment.into();
        Self {
            environment,
            ..self
        }
    }

    /// Requires every library to be in the lock beside the manifest.
    #[must_use]
    pub fn locked(self, locked: bool) -> Self {
        Self { locked, ..self }
    }

    /// For one request of CGI. `trust` says whose files decide what runs.
    #[cfg(feature = "cli")]
    pub(crate) fn cgi(self, trust: Trust) -> Self {
        Self {
            trust: Some(trust),
            is_cgi: true,
            watch: false,
            // A library that crashes costs this request, with a probe or without.
            probe: ProbeBy::Nothing,
            ..self
        }
    }

    /// Whether a saved file leads to a reload. Otherwise only [`Stack::reload`] does.
    #[must_use]
    pub fn watch(self, watch: bool) -> Self {
        Self { watch, ..self }
    }

    /// Tries libraries in child processes of this program, a `stackup` of the same version, in place of the own one.
    #[must_use]
    pub fn probe_with(self, program: impl Into<PathBuf>) -> Self {
        let probe = ProbeBy::Program(program.into());
        Self { probe, ..self }
    }

    /// Loads libraries without trying them: one that crashes at its load ends this program.
    #[must_use]
    pub fn without_probe(self) -> Self {
        let probe = ProbeBy::Nothing;
        Self { probe, ..self }
    }

    /// Finds the client of a request in its extensions; the default is a [`Client`] there.
    #[must_use]
    pub fn client(
        self,
        client: impl Fn(&Extensions) -> Option<Client> + Send + Sync + 'static,
    ) -> Self {
        let client = Arc::new(client);
        Self { client, ..self }
    }

    /// Opens the stack of a manifest.
    ///
    /// # Errors
    ///
    /// As [`Stack::open`].
    pub async fn open(self, manifest: impl AsRef<Path>) -> Result<Stack, OpenError> {
        Ok(Stack(open(self, manifest.as_ref(), false).await?))
    }

    /// Opens the stack of a manifest as a layer.
    ///
    /// # Errors
    ///
    /// As [`layer`](super::layer).
    pub async fn layer(self, manifest: impl AsRef<Path>) -> Result<StackLayer, OpenError> {
        Ok(StackLayer(open(self, manifest.as_ref(), true).await?))
    }
}
