//! Commands about what plugins have stored.

use serde::{Deserialize, Serialize};

use super::{CacheCommand, StoreCommand, StoreHub, StoreReport};

/// A command about stored data: the worker runs it, as it has the store or the way to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataCommand {
    /// About entries, whatever they mean.
    Store(StoreCommand),
    /// About cached responses.
    Cache(CacheCommand),
}

impl DataCommand {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// Why it can't be done, for people.
    pub async fn run(self, store: &StoreHub) -> Result<StoreReport, String> {
        match self {
            Self::Store(command) => store.command(command).await,
            Self::Cache(command) => command.run(store).await,
        }
    }
}
