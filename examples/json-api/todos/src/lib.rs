//! An app that keeps a to-do list in memory and speaks JSON.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use stackup_plugin::serde_json::{self, Value, json};
use stackup_plugin::{App, Context, IntoResponse, Json, Request, Result, StatusCode};

/// What a request may send; a layer above may say less.
const BODY: usize = 64 * 1024;

/// `[run.config]` of `todos`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// How many there may be.
    limit: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { limit: 1000 }
    }
}

/// The list.
pub struct Todos {
    limit: usize,
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    texts: BTreeMap<u64, String>,
    last: u64,
}

impl App for Todos {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        Ok(Self {
            limit: config.limit,
            list: Mutex::default(),
        })
    }

    async fn call(&self, req: Request) -> Result {
        let id = req.path_info().trim_matches('/').to_owned();
        match (req.method().as_str(), id.as_str()) {
            ("GET" | "HEAD", "") => self.all(),
            ("POST", "") => self.add(req).await,
            ("GET" | "HEAD", id) => self.one(id),
            ("DELETE", id) if !id.is_empty() => self.remove(id),
            _ => problem(StatusCode::METHOD_NOT_ALLOWED, "that can't be done here"),
        }
    }
}

impl Todos {
    fn all(&self) -> Result {
        let list = self.list();
        let all = list.texts.iter().map(|(id, text)| shown(*id, text));
        Json(Value::Array(all.collect())).into_response()
    }

    fn one(&self, id: &str) -> Result {
        let list = self.list();
        let found = id.parse().ok().and_then(|id| list.texts.get_key_value(&id));
        match found {
            Some((id, text)) => Json(shown(*id, text)).into_response(),
            None => problem(StatusCode::NOT_FOUND, "there is no such thing to do"),
        }
    }

    async fn add(&self, mut req: Request) -> Result {
        let body = req.take_body().collect(BODY).await?;
        let sent: Option<Value> = serde_json::from_slice(&body.bytes).ok();
        let Some(text) = sent.as_ref().and_then(|sent| sent["text"].as_str()) else {
            return problem(StatusCode::BAD_REQUEST, "send {\"text\":\"…\"}");
        };
        let mut list = self.list();
        if list.texts.len() >= self.limit {
            return problem(StatusCode::CONFLICT, "there is too much to do already");
        }
        list.last += 1;
        let id = list.last;
        list.texts.insert(id, text.to_owned());
        let location = format!("{}/{id}", req.script_name());
        let headers = [("location", location)];
        (StatusCode::CREATED, headers, Json(shown(id, text))).into_response()
    }

    fn remove(&self, id: &str) -> Result {
        let id = id.parse().ok();
        match id.and_then(|id: u64| self.list().texts.remove(&id)) {
            Some(_) => StatusCode::NO_CONTENT.into_response(),
            None => problem(StatusCode::NOT_FOUND, "there is no such thing to do"),
        }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shown(id: u64, text: &str) -> Value {
    json!({ "id": id, "text": text })
}

fn problem(status: StatusCode, error: &str) -> Result {
    (status, Json(json!({ "error": error }))).into_response()
}

stackup_plugin::export!(app Todos);

#[cfg(test)]
mod tests {
    use stackup_plugin::testing::{self, block_on, get, post};

    use super::*;

    #[test]
    fn there_may_be_no_more_than_the_limit() {
        let todos = testing::app::<Todos>(json!({ "limit": 1 })).unwrap();
        block_on(async {
            for status in [201, 409] {
                let res = todos.answer(post("/", "{\"text\":\"tea\"}")).await.unwrap();
                assert_eq!(res.status(), status);
            }
            let res = todos.answer(get("/")).await.unwrap();
            assert_eq!(res.finish().await.unwrap(), "[{\"id\":1,\"text\":\"tea\"}]");
        });
    }
}
