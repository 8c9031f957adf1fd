//! An app whose `init` starts rayon's global pool, one for each copy of the library.

#![forbid(unsafe_code)]

use rayon::prelude::*;
use stackup_plugin::{App, Context, IntoResponse, Request, Result};

/// Identifies this library among its copies: tests patch the digits in the file.
const CODE: &str = "stackup-rayon-code-00000000";

struct Sum;

impl App for Sum {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(3)
            .build_global()?;
        Ok(Self)
    }

    async fn call(&self, _req: Request) -> Result {
        let sum: u32 = (0..100_u32).into_par_iter().sum();
        format!("{} {sum}", std::hint::black_box(CODE)).into_response()
    }
}

stackup_plugin::export!(app Sum);
