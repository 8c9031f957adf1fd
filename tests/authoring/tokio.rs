//! Each form of `export!(tokio; …)`, among types that have the names of std's.

#![no_implicit_prelude]
#![deny(warnings)]

use ::stackup_plugin::{App, Context, Next, Request};

#[allow(dead_code)]
pub enum Result {}
#[allow(dead_code)]
pub enum Future {}

pub struct Sleeps;

impl App for Sleeps {
    type Config = ();

    fn init((): (), _cx: &Context) -> ::stackup_plugin::Result<Self> {
        ::core::result::Result::Ok(Self)
    }

    async fn call(&self, _req: Request) -> ::stackup_plugin::Result {
        ::stackup_plugin::IntoResponse::into_response("slept")
    }
}

async fn hello() -> &'static str {
    "hello"
}

async fn pass(req: Request, next: Next<'_>) -> ::stackup_plugin::Result {
    next.run(req).await
}

::stackup_plugin::export!(tokio; app Sleeps, app fn hello as "hello-2", middleware fn pass);
