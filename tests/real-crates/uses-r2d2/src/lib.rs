//! An app that adds a row to an SQLite database for each POST, and says how many there are. Its queries block, so they have
//! threads of their own.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::Arc;

use r2d2::Pool;
use r2d2_sqlite::SqliteConnectionManager;
use r2d2_sqlite::rusqlite::Connection;
use stackup_plugin::{App, Context, IntoResponse, Method, Request, Result};
use tokio::task::spawn_blocking;

/// Identifies this library among its copies: tests patch the digits in the file.
const CODE: &str = "stackup-r2d2-code-00000000";

#[stackup_plugin::config]
struct Config {
    /// The database.
    file: PathBuf,
}

/// What all handlers of this plugin share: one pool for each database.
struct Database(Pool<SqliteConnectionManager>);

impl Database {
    /// Blocks, as `init` may.
    fn open(config: &Config, cx: &Context) -> Result<Self> {
        let manager = SqliteConnectionManager::file(cx.directory().join(&config.file))
            .with_init(|it| it.execute_batch("PRAGMA busy_timeout = 10000"));
        let pool = Pool::builder().max_size(4).build(manager)?;
        pool.get()?.execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS rows (code TEXT)",
        )?;
        Ok(Self(pool))
    }

    /// Runs a query on a thread that may block.
    async fn run<R: Send + 'static>(
        self: Arc<Self>,
        query: impl FnOnce(&Connection) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        spawn_blocking(move || query(&*self.0.get()?)).await?
    }
}

impl Drop for Database {
    /// Blocks, as a handler's drop may. The last handler is dropped, and no query runs.
    fn drop(&mut self) {
        if let Ok(connection) = self.0.get() {
            let _ = connection.execute_batch("PRAGMA optimize");
        }
    }
}

struct Rows(Arc<Database>);

impl App for Rows {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        cx.shared(&config.file, || Database::open(&config, cx))
            .map(Self)
    }

    async fn call(&self, req: Request) -> Result {
        let code = std::hint::black_box(CODE);
        let adds = req.method() == Method::POST;
        let query = move |connection: &Connection| {
            if adds {
                connection.execute("INSERT INTO rows VALUES (?)", [code])?;
            }
            let count = "SELECT count(*) FROM rows";
            Ok(connection.query_row(count, [], |row| row.get::<_, i64>(0))?)
        };
        let rows = Arc::clone(&self.0).run(query).await?;
        format!("{code} {rows}").into_response()
    }
}

stackup_plugin::export!(tokio; app Rows);
