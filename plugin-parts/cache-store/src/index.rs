//! By which fields the variants of a target are found (RFC 9111 §4.1).

use crate::record::LAYOUT;

const INDEX: u8 = 2;

/// What is stored for a target whose responses have `Vary`: by which fields its variants are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Belongs to the key of each variant, so that they can't be found once the index is gone.
    pub epoch: [u8; 8],
    /// The names of each `Vary`, with commas between them; the last one stored comes first.
    pub names: Vec<String>,
}

/// A target has variants by at most so many different `Vary`.
const MOST_NAMES: usize = 4;

impl Index {
    /// Reads a record; `None` if it is none of this version.
    pub fn read(record: &[u8]) -> Option<Self> {
        let rest = record.strip_prefix(&[LAYOUT, INDEX])?;
        let (epoch, names) = rest.split_at_checked(8)?;
        let names = std::str::from_utf8(names).ok()?;
        Some(Self {
            epoch: epoch.try_into().ok()?,
            names: names.split('\n').map(ToOwned::to_owned).collect(),
        })
    }

    /// The record.
    pub fn record(&self) -> Vec<u8> {
        let mut record = vec![LAYOUT, INDEX];
        record.extend_from_slice(&self.epoch);
        record.extend_from_slice(self.names.join("\n").as_bytes());
        record
    }

    /// Puts these names first.
    pub fn add(&mut self, names: &str) {
        self.names.retain(|known| known != names);
        self.names.insert(0, names.to_owned());
        self.names.truncate(MOST_NAMES);
    }
}
