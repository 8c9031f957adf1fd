//! Data about a client that lasts from one request to the next.

use std::mem;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, Request, Response, Result};

/// The env value with the data, as a JSON object (Rack's name).
const DATA: &str = "rack.session";
/// The env value with `{"id":"…"}` (Rack's name).
const OPTIONS: &str = "rack.session.options";
/// The response header with the changes. The server never sends `rack.…` headers (SPEC R31).
const CHANGES: &str = "rack.session";

/// Data about a client that lasts from one request to the next. The plugin `session` stores it.
///
/// Read it from the request, and save the changes in the response:
///
/// ```
/// use stackup_plugin::{IntoResponse, Request, Result};
///
/// async fn counter(req: Request) -> Result {
///     let mut session = req.session()?;
///     let visits = session.get("visits").unwrap_or(0) + 1;
///     session.insert("visits", visits)?;
///     let mut res = format!("visit {visits}\n").into_response()?;
///     session.save(&mut res)?;
///     Ok(res)
/// }
/// # use stackup_plugin::testing;
/// # testing::block_on(async {
/// let counter = testing::app_fn(counter)?;
/// let request = testing::get("/").env("rack.session", r#"{"visits":41}"#);
/// assert_eq!(counter.answer(request).await?.finish().await?, "visit 42\n");
/// # Ok::<_, stackup_plugin::Error>(())
/// # }).unwrap();
/// ```
///
/// Changes that are not [saved](Self::save) are lost, and so are those of a request that fails. Concurrent
/// requests have one copy each: if both change a key, the value of the later response stays.
///
/// A middleware may do the same: its changes are merged with those of the layers below. A middleware that
/// stores sessions [lends](Self::lend) them to the layers below and [applies](Self::follow) their changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Session {
    id: Option<String>,
    data: Map<String, Value>,
    changes: Changes,
}

/// The changes of one layer: `end` comes first, then the values. A null removes a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Changes {
    #[serde(skip_serializing_if = "is_false")]
    end: bool,
    #[serde(skip_serializing_if = "is_false")]
    renew: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    revoke: Vec<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    set: Map<String, Value>,
}

#[derive(Default, Serialize, Deserialize)]
struct Options {
    id: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Request {
    /// The client's session; empty if it has none yet.
    ///
    /// # Errors
    ///
    /// No layer above provides sessions.
    pub fn session(&self) -> Result<Session, Error> {
        let env = self.env();
        let Some(data) = env.get(DATA) else {
            let message = "no layer above provides sessions: `use` the plugin `session`";
            return Err(Error::msg(message));
        };
        let options = env.get(OPTIONS);
        let options: Options = match &options {
            Some(options) => serde_json::from_str(options)?,
            None => Options::default(),
        };
        Ok(Session::new(options.id, serde_json::from_str(&data)?))
    }
}

impl Session {
    /// A session with this data.
    pub fn new(id: Option<String>, data: Map<String, Value>) -> Self {
        Self {
            id,
            data,
            changes: Changes::default(),
        }
    }

    /// A random id. `None` before its first data is stored, and after [`renew`](Self::renew).
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// All of its data.
    pub fn data(&self) -> &Map<String, Value> {
        &self.data
    }

    /// The value of `key`; also `None` if it has another type, as from an older version of the app.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        T::deserialize(self.data.get(key)?).ok()
    }

    /// Sets a value. Null removes it.
    ///
    /// # Errors
    ///
    /// A value that can't be JSON.
    pub fn insert(&mut self, key: &str, value: impl Serialize) -> Result<()> {
        self.set(key.to_owned(), serde_json::to_value(value)?);
        Ok(())
    }

    /// Removes a value.
    pub fn remove(&mut self, key: &str) {
        self.set(key.to_owned(), Value::Null);
    }

    fn set(&mut self, key: String, value: Value) {
        if self.data.get(&key).unwrap_or(&Value::Null) == &value {
            return;
        }
        match &value {
            Value::Null => self.data.remove(&key),
            value => self.data.insert(key.clone(), value.clone()),
        };
        self.changes.set.insert(key, value);
    }

    /// Gives the session a new id, and the client a new secret. Call it when a user signs in, so that a
    /// session that an attacker knew before is not signed in (session fixation).
    pub fn renew(&mut self) {
        self.id = None;
        self.changes.renew = true;
    }

    /// Ends the session, as when a user signs out. Setting a value after that starts a new one.
    pub fn end(&mut self) {
        self.id = None;
        self.data.clear();
        self.changes = Changes {
            end: true,
            revoke: mem::take(&mut self.changes.revoke),
            ..Changes::default()
        };
    }

    /// Ends all other sessions of a user, as when a password has changed or an account is closed. The user is the value that
    /// `user` of the plugin `session` names; a number is its decimal digits. Sessions must be in the store.
    pub fn revoke(&mut self, user: impl Into<String>) {
        self.changes.revoke.push(user.into());
    }

    /// Whether it has changed since it was read.
    pub fn is_changed(&self) -> bool {
        self.changes != Changes::default()
    }

    /// Whether it was ended. What was set after that belongs to a new one.
    pub fn is_ended(&self) -> bool {
        self.changes.end
    }

    /// The users whose other sessions end.
    pub fn revoked(&self) -> &[String] {
        &self.changes.revoke
    }

    /// The same changes, made to a `newer` session: for a middleware that stores sessions, where another request has come
    /// between.
    #[must_use]
    pub fn reapply(&self, newer: Self) -> Self {
        let mut session = newer;
        session.apply(self.changes.clone());
        session
    }

    /// Saves the changes in the response. Call it once for each response, at the end.
    ///
    /// # Errors
    ///
    /// Too many headers.
    pub fn save(&self, res: &mut Response) -> Result<()> {
        if self.is_changed() {
            let changes = ascii(&serde_json::to_string(&self.changes)?);
            res.headers_mut().append(CHANGES, changes)?;
        }
        Ok(())
    }

    /// Passes the session, in its present state, to the layers below.
    ///
    /// # Errors
    ///
    /// The data can't be serialized.
    pub fn lend(&self, req: &mut Request) -> Result<()> {
        let options = Options {
            id: self.id.clone(),
        };
        let (data, options) = (
            serde_json::to_string(&self.data)?,
            serde_json::to_string(&options)?,
        );
        req.env_mut().set(DATA, data);
        req.env_mut().set(OPTIONS, options);
        Ok(())
    }

    /// Applies the changes that the layers below saved, and removes them from the response.
    ///
    /// # Errors
    ///
    /// A layer below set a header `rack.session` that [`save`](Self::save) did not write.
    pub fn follow(&mut self, res: &mut Response) -> Result<()> {
        // The innermost layer was the first to save.
        let all: std::result::Result<Vec<Changes>, _> = res
            .headers()
            .get_all(CHANGES)
            .map(|changes| serde_json::from_slice(changes.as_bytes()))
            .collect();
        res.headers_mut().remove(CHANGES);
        for changes in all.map_err(not_ours)? {
            self.apply(changes);
        }
        Ok(())
    }

    fn apply(&mut self, mut changes: Changes) {
        if changes.end {
            self.end();
        }
        if changes.renew {
            self.renew();
        }
        self.changes.revoke.append(&mut changes.revoke);
        for (key, value) in mem::take(&mut changes.set) {
            self.set(key, value);
        }
    }
}

fn not_ours(error: serde_json::Error) -> Error {
    Error::msg(format!(
        "a layer below set a header `rack.session` that `Session::save` did not write: {error}"
    ))
}

/// JSON escaped to ASCII, valid in any header.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() && letter != '\x7f' {
            text.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            text.push_str(&format!("\\u{unit:04x}"));
        }
    }
    text
}
