//! Guests: processes that answer requests, which the host starts, watches and stops.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fetch::Fetch;
use crate::abi::plugin::guest::GuestHandle;
use crate::{Context, Error, Result};

/// A process that answers requests by HTTP. Cheap to clone; with the last clone the host stops it.
#[derive(Clone)]
pub struct Guest(pub(crate) Arc<GuestHandle>);

/// What to start, and how. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestOptions {
    /// Its name in the log and in `stackup status`.
    pub name: String,
    /// The program and its arguments, in which `$SOCKET` or `$PORT` stands for where it is to listen.
    pub command: Vec<String>,
    /// Its working directory. A relative one starts from that of the manifest.
    pub dir: PathBuf,
    /// Environment variables, besides those of the host and `SOCKET` or `PORT`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Where it listens.
    pub listen: GuestListen,
    /// The path that it answers when it is ready.
    pub ready: String,
    /// Whether only an answer with a status below 400 counts; otherwise any does.
    #[serde(default)]
    pub ready_success: bool,
    /// The longest time until it is ready.
    pub ready_timeout: u64,
    /// The time between SIGTERM and SIGKILL.
    pub stop_timeout: u64,
    /// The bytes of memory beyond which another process takes over.
    #[serde(default)]
    pub memory: Option<u64>,
    /// The age beyond which another process takes over.
    #[serde(default)]
    pub max_age: Option<u64>,
    /// In development, whether a change below `dir` starts another one.
    #[serde(default)]
    pub watch: bool,
}

/// Where a guest listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum GuestListen {
    /// On the unix socket `$SOCKET`.
    Socket,
    /// On the port `$PORT` of 127.0.0.1.
    Port,
}

impl Context {
    /// Starts a guest: for `init` only. The stack serves once the guests of all its instances are ready; they start side by side. A
    /// trial only checks the options.
    ///
    /// The process belongs to the instance. The supervisor starts it, and starts it again when it dies; it survives the worker,
    /// whose successor takes over the process with the same options.
    ///
    /// # Errors
    ///
    /// An option is invalid; the host is older than the plugin. A process that ends or is not ready in time refuses the stack.
    pub fn guest(&self, options: &GuestOptions) -> Result<Guest> {
        let text = serde_json::to_string(options)?;
        match GuestHandle::open(self.handle(), &text) {
            Some(Ok(handle)) => Ok(Guest(Arc::new(handle))),
            Some(Err(failure)) if failure.option.is_empty() => {
                Err(Error::msg(failure.message.into_string()))
            }
            Some(Err(failure)) => Err(Error::config(
                failure.option.into_string(),
                failure.message.into_string(),
            )),
            None => Err(Error::msg(
                "the host is older than the plugin, and runs no guests",
            )),
        }
    }
}

impl Fetch {
    /// Sends the request to this guest: the target's host is only the `host` header then. `connect_timeout` is also how long to
    /// wait for a process that is ready.
    pub fn guest(mut self, guest: &Guest) -> Self {
        self.guest = Some(guest.clone());
        self
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guest")
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::{App, Request, http, testing};

    struct Passes(Context, Guest);

    impl App for Passes {
        type Config = ();

        fn init((): (), cx: &Context) -> Result<Self> {
            let options = GuestOptions {
                name: "blog".to_owned(),
                command: vec!["puma".to_owned()],
                dir: "blog".into(),
                env: BTreeMap::new(),
                listen: GuestListen::Socket,
                ready: "/".to_owned(),
                ready_success: false,
                ready_timeout: 1000,
                stop_timeout: 1000,
                memory: None,
                max_age: None,
                watch: false,
            };
            Ok(Self(cx.clone(), cx.guest(&options)?))
        }

        async fn call(&self, _: Request) -> Result {
            let request = http::Request::get("http://blog/posts").body(())?;
            Ok(self.0.fetch(request).guest(&self.1).await?)
        }
    }

    #[test]
    fn server_of_a_test_answers_in_place_of_a_guest() {
        testing::server(async |req: Request| format!("from {}", req.uri()));
        let app = testing::app::<Passes>(testing::json!({})).unwrap();
        testing::block_on(async {
            let res = app.answer(testing::get("/")).await.unwrap();
            assert_eq!(res.finish().await.unwrap(), "from http://blog/posts");
        });
    }
}
