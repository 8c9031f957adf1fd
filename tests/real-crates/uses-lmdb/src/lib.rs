//! An app that adds a row to an LMDB database for each POST, and says how many there are.

use std::path::PathBuf;

use heed::byteorder::BigEndian;
use heed::types::{Str, U64};
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions};
use stackup_plugin::{App, Context, IntoResponse, Method, Request, Result};

/// Identifies this library among its copies: tests patch the digits in the file.
const CODE: &str = "stackup-lmdb-code-00000000";

#[stackup_plugin::config]
struct Config {
    /// The database.
    file: PathBuf,
}

struct Rows(Env);

impl App for Rows {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let mut options = EnvOpenOptions::new();
        // SAFETY: nobody else touches the file, and it is on no network file system.
        let env = unsafe {
            options.flags(EnvFlags::NO_SUB_DIR);
            options.open(cx.directory().join(config.file))?
        };
        Ok(Self(env))
    }

    async fn call(&self, req: Request) -> Result {
        let code = std::hint::black_box(CODE);
        let new = (req.method() == Method::POST).then_some(code);
        format!("{code} {}", self.count(new)?).into_response()
    }
}

impl Rows {
    /// How many rows there are, after this one was added.
    fn count(&self, new: Option<&str>) -> heed::Result<u64> {
        let opened = self
            .0
            .create_databases_and_commit(self.0.write_txn()?, |opener, txn| {
                let rows = opener.create_database(txn, None);
                rows.map(CommitOrAbort::<_, ()>::Commit)
            })?;
        let rows: Database<'_, U64<BigEndian>, Str> = opened.unwrap_commit();
        let mut txn = self.0.write_txn()?;
        let count = rows.len(&txn)?;
        if let Some(row) = new {
            rows.put(&mut txn, &count, row)?;
        }
        txn.commit()?;
        Ok(count + u64::from(new.is_some()))
    }
}

stackup_plugin::export!(app Rows);
