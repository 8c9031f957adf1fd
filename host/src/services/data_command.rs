//! Commands about what plugins have stored, and what the worker has counted.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{CacheCommand, Lent, StoreCommand, StoreReport};

/// A command about data: the worker runs it, as it has the store or the way to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataCommand {
    /// About entries, whatever they mean.
    Store(StoreCommand),
    /// About cached responses.
    Cache(CacheCommand),
    /// Tell all figures.
    Metrics,
}

impl DataCommand {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// Why it can't be done, for people.
    pub async fn run(self, lent: &Lent) -> Result<StoreReport, String> {
        match self {
            Self::Store(command) => lent.store.command(command).await,
            Self::Cache(command) => command.run(&lent.store).await,
            Self::Metrics => {
                let figures = lent.figures.clone();
                // It asks the system, too.
                let read = tokio::task::spawn_blocking(move || figures.read());
                let families = read.await.map_err(|error| error.to_string())?;
                Ok(StoreReport {
                    text: String::new(),
                    value: json!(families),
                })
            }
        }
    }
}
