//! Commands about what plugins have stored, and what the worker has counted.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{CacheCommand, Lent, StoreCommand, StoreReport};

/// The most bytes of figures, as JSON: a message between processes has at most 16 MiB.
const MOST_FIGURES: usize = 8 << 20;

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
                let value = json!(families);
                if value.to_string().len() > MOST_FIGURES {
                    return Err(format!(
                        "the figures are too long for a message between processes ({MOST_FIGURES} bytes): \
                         give the plugins' own fewer labels, or read them from the plugin `metrics`"
                    ));
                }
                Ok(StoreReport {
                    text: String::new(),
                    value,
                })
            }
        }
    }
}
