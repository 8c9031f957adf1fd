//! A background job that removes old files: once in each period, also when the plugin is reloaded.

#![forbid(unsafe_code)]

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stackup_plugin::{App, Context, IntoResponse, Request, Result, Store, tracing};
use tokio::task::spawn_blocking;

#[stackup_plugin::config]
#[derive(Clone)]
pub struct Config {
    /// The folder, from the manifest's folder.
    folder: PathBuf,
    /// How often it looks.
    every_seconds: NonZeroU32,
    /// Files that nobody has written for so long are removed.
    keep_seconds: u64,
}

pub struct Cleaner {
    config: Config,
    store: Store,
}

impl App for Cleaner {
    type Config = Config;

    fn init(mut config: Config, cx: &Context) -> Result<Self> {
        config.folder = cx.directory().join(config.folder);
        let store = cx.store();
        Ok(Self { config, store })
    }

    fn serving(&self, cx: &Context) -> Result<()> {
        let (config, store, here) = (self.config.clone(), self.store.clone(), cx.clone());
        cx.spawn("clean", async move {
            loop {
                let (period, until_next) = period(config.every_seconds);
                if let Err(error) = clean(&config, &store, period).await {
                    tracing::error!("{}: {error}", config.folder.display());
                }
                // From here on, the next instance does it.
                if here.timeout(until_next, here.retiring()).await.is_ok() {
                    return;
                }
            }
        });
        Ok(())
    }

    async fn call(&self, _req: Request) -> Result {
        let removed = self.store.add("removed", 0, None).await?;
        format!("{removed} files removed\n").into_response()
    }
}

/// The number of the present period, counted from 1970, and how long it still lasts.
fn period(every: NonZeroU32) -> (u64, Duration) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_millis() as u64;
    let every = u64::from(every.get()) * 1000;
    (now / every, Duration::from_millis(every - now % every))
}

async fn clean(config: &Config, store: &Store, period: u64) -> Result<()> {
    let (key, kept_for) = (format!("period {period}"), Duration::from_secs(24 * 3600));
    // Of all instances, one gets the period: also during a reload, and on all machines that share a Redis.
    let is_mine = store.compare_and_set(key, None, "", kept_for).await?;
    if is_mine.is_none() {
        return Ok(());
    }
    let (folder, keep_seconds) = (config.folder.clone(), config.keep_seconds);
    let removed = spawn_blocking(move || remove(&folder, keep_seconds)).await??;
    store.add("removed", removed, None).await?;
    tracing::info!(period, removed, "cleaned");
    Ok(())
}

fn remove(folder: &Path, keep_seconds: u64) -> Result<i64> {
    let mut removed = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if age.as_secs() >= keep_seconds {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

stackup_plugin::export!(tokio; app Cleaner);

#[cfg(test)]
mod tests {
    use std::fs::File;

    use stackup_plugin::testing::{self, block_on, get, json};

    use super::*;

    #[test]
    fn job_begins_when_the_instance_serves_and_spares_new_files() {
        let folder = tempfile::tempdir().unwrap();
        let old = File::create(folder.path().join("old")).unwrap();
        old.set_modified(SystemTime::now() - Duration::from_secs(3600))
            .unwrap();
        File::create(folder.path().join("new")).unwrap();
        let config = json!({ "folder": folder.path(), "every_seconds": 3600, "keep_seconds": 60 });
        let app = testing::with_tokio(|| testing::app::<Cleaner>(config)).unwrap();
        let ask = || block_on(async { app.answer(get("/")).await?.finish().await });
        let none = "0 files removed\n";
        let told: Result<String> = ask();
        assert_eq!(told.unwrap(), none);
        assert!(folder.path().join("old").exists());
        app.serving().unwrap();
        while ask().unwrap() == none {
            std::thread::yield_now();
        }
        assert_eq!(ask().unwrap(), "1 files removed\n");
        let left = std::fs::read_dir(folder.path()).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["new"]);
    }
}
