//! The payload of a cookie.

use stackup_plugin::serde::{Deserialize, Serialize};
use stackup_plugin::serde_json::{self, Map, Value};
use stackup_plugin::{Result, Session};

use crate::token::random;

/// Payloads are padded to multiples of this, so that their length reveals less.
const PADDING: usize = 32;

/// The payload of a cookie.
#[derive(Serialize, Deserialize)]
#[serde(crate = "stackup_plugin::serde")]
pub(crate) struct Payload {
    id: String,
    /// When it expires, in Unix time.
    pub(crate) until: u64,
    data: Map<String, Value>,
}

impl Payload {
    /// The current session, with a new ID if it has none.
    pub(crate) fn new(session: &Session, until: u64) -> Result<Self> {
        let id = match session.id() {
            Some(id) => id.to_owned(),
            None => random_id()?,
        };
        let data = session.data().clone();
        Ok(Self { id, until, data })
    }

    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    pub(crate) fn session(&self) -> Session {
        Session::new(Some(self.id.clone()), self.data.clone())
    }

    pub(crate) fn text(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec(self)?;
        // JSON may end with spaces.
        text.resize(text.len().next_multiple_of(PADDING), b' ');
        Ok(text)
    }
}

/// A new session's ID.
pub(crate) fn random_id() -> Result<String> {
    Ok(format!("{:032x}", u128::from_be_bytes(random()?)))
}
