//! Keeps notes in a database, through a pool of connections.

#![forbid(unsafe_code)]

use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use stackup_plugin::{App, Context, IntoResponse, Request, Result};
use tokio::runtime::Handle;

#[stackup_plugin::config]
pub struct Config {
    /// The database, from the manifest's folder.
    file: std::path::PathBuf,
}

pub struct Notes {
    pool: SqlitePool,
}

impl App for Notes {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let file = SqliteConnectOptions::new().filename(cx.directory().join(config.file));
        let file = file
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        // For a moment after a reload of the code, two workers have the file open.
        let file = file.busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new()
            .max_connections(5)
            .connect_lazy_with(file);
        let setup = sqlx::query("create table if not exists notes (text text not null)");
        Handle::current().block_on(setup.execute(&pool))?; // `init` may block
        Ok(Self { pool })
    }

    async fn call(&self, mut req: Request) -> Result {
        if req.method() == "POST" {
            let body = req.take_body().collect(4096).await?;
            let text = String::from_utf8_lossy(&body.bytes).into_owned();
            sqlx::query("insert into notes values (?)")
                .bind(text)
                .execute(&self.pool)
                .await?;
        }
        let count = sqlx::query_scalar::<_, i64>("select count(*) from notes");
        let count = count.fetch_one(&self.pool).await?;
        format!("{count} notes\n").into_response()
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        Handle::current().block_on(self.pool.close()); // so may `Drop`
    }
}

stackup_plugin::export!(tokio; app Notes);

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, get, json, post};

    use super::*;

    #[test]
    fn notes_outlive_the_instance() {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({ "file": folder.path().join("notes.db") });
        for count in 1..=2 {
            let app = testing::with_tokio(|| testing::app::<Notes>(config.clone())).unwrap();
            block_on(async {
                app.answer(post("/", "buy tea")).await.unwrap();
                let told = app.answer(get("/")).await.unwrap().finish().await.unwrap();
                assert_eq!(told, format!("{count} notes\n"));
            });
        }
    }
}
