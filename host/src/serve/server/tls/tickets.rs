//! Session tickets: a client that comes back resumes its session, whichever worker it meets.
//!
//! The supervisor keeps one secret for all workers of a site's run. Each process derives the keys of its tickets from it,
//! and from each epoch's secret that of the next; the way back does not exist. A ticket is for two epochs, so that none
//! lasts longer than a day, and what is older can't be decrypted by anybody any more (RFC 5077 §5.5, RFC 8446 §8.1).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::server::ProducesTickets;
use serde::{Deserialize, Serialize};

/// For how long a key makes tickets. It reads them for as long again.
const EPOCH: Duration = Duration::from_secs(12 * 3600);

/// The bytes of an epoch's number, which a ticket begins with.
const NUMBER_LEN: usize = 8;

/// What tickets are encrypted with, from an epoch on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketSecret {
    epoch: u64,
    secret: [u8; 32],
}

impl fmt::Debug for TicketSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epoch = &self.epoch;
        f.debug_struct("TicketSecret")
            .field("epoch", epoch)
            .finish_non_exhaustive()
    }
}

impl TicketSecret {
    /// A new one, of the epoch before `now`. Without random numbers of the system nobody can resume a session.
    pub fn new(now: SystemTime) -> Option<Self> {
        let mut secret = [0; 32];
        SystemRandom::new().fill(&mut secret).ok()?;
        let epoch = epoch(now).saturating_sub(1);
        Some(Self { epoch, secret })
    }

    /// Forgets what only tickets need that are too old at `now`.
    pub fn forget(&mut self, now: SystemTime) {
        self.advance(epoch(now).saturating_sub(1));
    }

    fn advance(&mut self, epoch: u64) {
        while self.epoch < epoch {
            self.secret = self.derive(&[b"stackup next epoch"]);
            self.epoch += 1;
        }
    }

    fn key(&self, listener: &str) -> Option<LessSafeKey> {
        let key = self.derive(&[b"stackup ticket ", listener.as_bytes()]);
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key).ok()?;
        Some(LessSafeKey::new(key))
    }

    /// As HKDF-Expand (RFC 5869 §2.3).
    fn derive(&self, info: &[&[u8]]) -> [u8; 32] {
        struct Len;
        impl KeyType for Len {
            fn len(&self) -> usize {
                32
            }
        }
        let mut derived = [0; 32];
        let prk = Prk::new_less_safe(HKDF_SHA256, &self.secret);
        let filled = prk.expand(info, Len).and_then(|okm| okm.fill(&mut derived));
        // It fails for other lengths only.
        debug_assert!(filled.is_ok());
        derived
    }
}

fn epoch(now: SystemTime) -> u64 {
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    now.as_secs() / EPOCH.as_secs()
}

/// Makes and reads the tickets of a listener.
pub(super) struct Tickets {
    keys: Mutex<Keys>,
    listener: String,
}

/// The keys of an epoch and of the one before it.
struct Keys {
    /// Of the epoch before.
    secret: TicketSecret,
    before: Option<LessSafeKey>,
    current: Option<LessSafeKey>,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listener = &self.listener;
        f.debug_struct("Tickets")
            .field("listener", listener)
            .finish_non_exhaustive()
    }
}

impl Keys {
    fn new(secret: TicketSecret, listener: &str) -> Self {
        let mut current = secret.clone();
        current.advance(secret.epoch + 1);
        Self {
            before: secret.key(listener),
            current: current.key(listener),
            secret,
        }
    }

    fn current_epoch(&self) -> u64 {
        self.secret.epoch + 1
    }
}

impl Tickets {
    pub(super) fn new(secret: TicketSecret, listener: &str) -> Self {
        Self {
            keys: Mutex::new(Keys::new(secret, listener)),
            listener: listener.to_owned(),
        }
    }

    fn encrypt_at(&self, now: SystemTime, clients: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        self.with_keys(now, |keys| {
            let mut nonce = [0; NONCE_LEN];
            SystemRandom::new().fill(&mut nonce).ok()?;
            let number = keys.current_epoch().to_be_bytes();
            let mut sealed = plain.to_vec();
            let key = keys.current.as_ref()?;
            let unique = Nonce::assume_unique_for_key(nonce);
            let bound = Aad::from([&number[..], clients].concat());
            key.seal_in_place_append_tag(unique, bound, &mut sealed)
                .ok()?;
            Some([&number[..], &nonce, &sealed].concat())
        })
    }

    fn decrypt_at(&self, now: SystemTime, clients: &[u8], ticket: &[u8]) -> Option<Vec<u8>> {
        let (number, rest) = ticket.split_first_chunk::<NUMBER_LEN>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        self.with_keys(now, |keys| {
            let current = keys.current_epoch();
            let key = match u64::from_be_bytes(*number) {
                epoch if epoch == current => keys.current.as_ref(),
                epoch if epoch.checked_add(1) == Some(current) => keys.before.as_ref(),
                _ => None,
            };
            let mut sealed = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let bound = Aad::from([&number[..], clients].concat());
            let plain = key?.open_in_place(nonce, bound, &mut sealed);
            plain.ok().map(|plain| plain.to_vec())
        })
    }

    /// The keys of `now`. A clock that is set back changes nothing.
    fn with_keys<T>(&self, now: SystemTime, work: impl FnOnce(&Keys) -> T) -> T {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if epoch(now) > keys.current_epoch() {
            let mut secret = keys.secret.clone();
            secret.forget(now);
            *keys = Keys::new(secret, &self.listener);
        }
        work(&keys)
    }
}

/// The tickets of a listener as long as the CAs of its clients stay the same: a session that began with others is not resumed, so
/// that its client shows its certificate again.
#[derive(Debug)]
pub(super) struct BoundTickets {
    pub(super) tickets: Arc<Tickets>,
    /// Tells the CAs from others; empty if clients show no certificates.
    pub(super) clients: Vec<u8>,
}

impl ProducesTickets for BoundTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(EPOCH.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.tickets
            .encrypt_at(SystemTime::now(), &self.clients, plain)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.tickets
            .decrypt_at(SystemTime::now(), &self.clients, ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(hours * 3600)
    }

    #[test]
    fn worker_reads_the_tickets_of_another_for_an_epoch_after_theirs() {
        let mut secret = TicketSecret::new(hours(1200)).unwrap();
        let one = Tickets::new(secret.clone(), "a");
        let ticket = one.encrypt_at(hours(1211), b"", b"session").unwrap();
        let opened = |tickets: &Tickets, now| tickets.decrypt_at(now, b"", &ticket);
        // The supervisor starts another worker later.
        secret.forget(hours(1223));
        let other = Tickets::new(secret.clone(), "a");
        for tickets in [&one, &other] {
            assert_eq!(opened(tickets, hours(1223)).unwrap(), b"session");
        }
        for tickets in [&one, &other] {
            assert_eq!(opened(tickets, hours(1224)), None, "it is too old");
        }
        secret.forget(hours(1300));
        assert_eq!(opened(&Tickets::new(secret, "a"), hours(1211)), None);
    }

    #[test]
    fn ticket_of_another_listener_or_run_or_a_changed_one_is_refused() {
        let now = hours(1200);
        let secret = TicketSecret::new(now).unwrap();
        let tickets = Tickets::new(secret.clone(), "a");
        let ticket = tickets.encrypt_at(now, b"", b"session").unwrap();
        assert_eq!(tickets.decrypt_at(now, b"", &ticket).unwrap(), b"session");
        assert_eq!(
            Tickets::new(secret, "b").decrypt_at(now, b"", &ticket),
            None
        );
        assert_eq!(tickets.decrypt_at(now, b"other CAs", &ticket), None);
        let other = Tickets::new(TicketSecret::new(now).unwrap(), "a");
        assert_eq!(other.decrypt_at(now, b"", &ticket), None);
        for index in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[index] ^= 1;
            assert_eq!(tickets.decrypt_at(now, b"", &changed), None, "byte {index}");
            assert_eq!(tickets.decrypt_at(now, b"", &ticket[..index]), None);
        }
    }

    #[test]
    fn secret_is_not_shown() {
        let secret = TicketSecret::new(hours(1)).unwrap();
        assert!(!format!("{secret:?}").contains("secret:"));
    }
}
