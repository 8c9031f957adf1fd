//! An app that adds a row to an SQLite database for each POST, and says how many there are.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use stackup_plugin::{App, Context, IntoResponse, Method, Request, Result};
use tokio::runtime::Handle;

/// Identifies this library among its copies: tests patch the digits in the file.
const CODE: &str = "stackup-sqlx-code-00000000";

#[stackup_plugin::config]
struct Config {
    /// The database.
    file: PathBuf,
}

/// What all handlers of this plugin share: one pool for each database.
struct Database(SqlitePool);

impl Database {
    async fn open(config: &Config, cx: &Context) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(cx.directory().join(&config.file))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await?;
        sqlx::query("CREATE TABLE IF NOT EXISTS rows (code TEXT)")
            .execute(&pool)
            .await?;
        Ok(Self(pool))
    }
}

impl Drop for Database {
    /// The last handler is dropped. Without this the pool would be closed by a task that nobody waits for.
    fn drop(&mut self) {
        Handle::current().block_on(self.0.close());
    }
}

struct Rows(Arc<Database>);

impl App for Rows {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let open = || Handle::current().block_on(Database::open(&config, cx)); // `init` may block
        cx.shared(&config.file, open).map(Self)
    }

    async fn call(&self, req: Request) -> Result {
        let (code, Database(pool)) = (std::hint::black_box(CODE), &*self.0);
        if req.method() == Method::POST {
            sqlx::query("INSERT INTO rows VALUES (?)")
                .bind(code)
                .execute(pool)
                .await?;
        }
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM rows");
        let rows = count.fetch_one(pool).await?;
        format!("{code} {rows}").into_response()
    }
}

stackup_plugin::export!(tokio; app Rows);
