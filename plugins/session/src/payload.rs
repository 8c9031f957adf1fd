//! What is in a cookie.

use stackup_plugin::serde::{Deserialize, Serialize};
use stackup_plugin::serde_json::{self, Map, Value};
use stackup_plugin::{Error, Result, Session};

/// Texts of about the same length get the same length, so that it tells less of what is in them.
const STEP: usize = 32;

/// What is in a cookie.
#[derive(Serialize, Deserialize)]
#[serde(crate = "stackup_plugin::serde")]
pub(crate) struct Kept {
    id: String,
    /// When it is over, in seconds of Unix time.
    pub(crate) until: u64,
    data: Map<String, Value>,
}

impl Kept {
    /// A session as it is now, with a new id if it has none.
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
        // What follows JSON may be spaces.
        text.resize(text.len().next_multiple_of(STEP), b' ');
        Ok(text)
    }
}

fn random_id() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::msg(format!("the system has no random bytes: {error}")))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
