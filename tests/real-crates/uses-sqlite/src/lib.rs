//! An app that adds a row to an SQLite database for each POST, and says how many there are.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;
use stackup_plugin::{App, Context, IntoResponse, Method, Request, Result};

/// Identifies this library among its copies: tests patch the digits in the file.
const CODE: &str = "stackup-sqlite-code-00000000";

#[stackup_plugin::config]
struct Config {
    /// The database.
    file: PathBuf,
}

struct Rows(Mutex<Connection>);

impl App for Rows {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let connection = Connection::open(cx.directory().join(config.file))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 10000;
             CREATE TABLE IF NOT EXISTS rows (code TEXT)",
        )?;
        Ok(Self(Mutex::new(connection)))
    }

    async fn call(&self, req: Request) -> Result {
        let code = std::hint::black_box(CODE);
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if req.method() == Method::POST {
            connection.execute("INSERT INTO rows VALUES (?)", [code])?;
        }
        let rows: i64 = connection.query_row("SELECT count(*) FROM rows", [], |row| row.get(0))?;
        format!("{code} {rows}").into_response()
    }
}

stackup_plugin::export!(app Rows);
