//! Why a response was not stored.

use std::time::Duration;

use http_cache::{Rule, Timestamp};

use crate::find::Entries;
use crate::record::LAYOUT;
use crate::records::Records;
use crate::target::{Target, key};

const KIND: u8 = 3;
const REMEMBERED: Duration = Duration::from_secs(86_400);

/// The last response for a target that was not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When it came.
    pub at: Timestamp,
    /// Its status.
    pub status: u16,
    /// Where the rule that forbids it is written.
    pub section: String,
    /// What the rule says.
    pub text: String,
}

impl Refusal {
    /// Refusals are kept in so many slots, so that requests for ever new targets do not fill the store.
    pub const SLOTS: usize = 1024;

    /// The slot of a target.
    pub fn slot(target: &Target) -> usize {
        // FNV-1a: the same in each process.
        let hash = target
            .uri()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        usize::try_from(hash % Self::SLOTS as u64).unwrap_or(0)
    }

    fn record(target: &Target, status: u16, rule: Rule, Timestamp(at): Timestamp) -> Vec<u8> {
        let mut record = vec![LAYOUT, KIND];
        record.extend_from_slice(&at.to_le_bytes());
        record.extend_from_slice(&status.to_le_bytes());
        let text = [rule.section, rule.text, target.uri()].join("\n");
        record.extend_from_slice(text.as_bytes());
        record
    }

    /// `None` if it is about another target.
    fn read(record: &[u8], target: &Target) -> Option<Self> {
        let rest = record.strip_prefix(&[LAYOUT, KIND])?;
        let (at, rest) = rest.split_first_chunk()?;
        let (status, rest) = rest.split_first_chunk()?;
        let mut lines = std::str::from_utf8(rest).ok()?.split('\n');
        let (section, text) = (lines.next()?.to_owned(), lines.next()?.to_owned());
        (lines.next() == Some(target.uri())).then_some(Self {
            at: Timestamp(i64::from_le_bytes(*at)),
            status: u16::from_le_bytes(*status),
            section,
            text,
        })
    }
}

fn refusal_key(target: &Target) -> Vec<u8> {
    let slot = u16::try_from(Refusal::slot(target)).unwrap_or(0);
    key(b'x', &[&slot.to_be_bytes()])
}

impl<S: Records> Entries<S> {
    /// Keeps why a response was not stored, in place of the last one in its slot.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn note_refusal(
        &self,
        target: &Target,
        status: u16,
        rule: Rule,
        now: Timestamp,
    ) -> Result<(), S::Error> {
        let record = Refusal::record(target, status, rule, now);
        self.store
            .set(&refusal_key(target), &record, REMEMBERED)
            .await
    }

    /// Why the last response for a target was not stored, as far as that is known.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn refusal(&self, target: &Target) -> Result<Option<Refusal>, S::Error> {
        let known = self.store.get(&refusal_key(target)).await?;
        Ok(known.and_then(|known| Refusal::read(&known.value, target)))
    }
}
