//! Interim responses (RFC 9110 §15.2) that handlers send before the final one.
//!
//! hyper has no way to send them. But between the head of a request and its response it writes nothing but `100 Continue`, and it flushes
//! the stream whenever it has nothing left to write. So what is written at a flush is between whole messages.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderName, StatusCode, header};

/// What waits to be sent may have so many bytes.
const WAITING: usize = 64 << 10;

/// The interim responses of a connection. Other tasks may add some; the connection's own writes them.
#[derive(Debug, Default)]
pub(super) struct Interim {
    /// The number of the request that has no response yet; 0 for none.
    open: AtomicU64,
    /// The number of the last request.
    last: AtomicU64,
    /// Whether `waiting` is not empty.
    has_any: AtomicBool,
    waiting: Mutex<Vec<u8>>,
}

/// A request that may get interim responses, until this is dropped.
#[derive(Debug)]
pub(super) struct OpenRequest<'a>(&'a Interim);

impl Drop for OpenRequest<'_> {
    fn drop(&mut self) {
        // Under the lock, so that no task that has just looked adds one after it.
        let mut waiting = self.0.waiting();
        self.0.open.store(0, Ordering::Release);
        self.0.has_any.store(false, Ordering::Release);
        // There was no time for them.
        waiting.clear();
    }
}

impl Interim {
    /// A request has arrived.
    pub(super) fn begin(&self) -> OpenRequest<'_> {
        // Only the connection's task writes it.
        let number = self.last.load(Ordering::Relaxed) + 1;
        self.last.store(number, Ordering::Relaxed);
        self.open.store(number, Ordering::Release);
        OpenRequest(self)
    }

    /// The number of the last request.
    pub(super) fn request(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// Adds one for this request. Returns false if its response has begun, or too many wait.
    pub(super) fn add(&self, request: u64, status: StatusCode, headers: &HeaderMap) -> bool {
        let mut waiting = self.waiting();
        let is_open = request != 0 && self.open.load(Ordering::Acquire) == request;
        if !is_open || waiting.len() > WAITING {
            return false;
        }
        write(&mut waiting, status, headers);
        self.has_any.store(true, Ordering::Release);
        true
    }

    /// Takes what waits, to write it between two messages.
    #[inline]
    pub(super) fn take(&self) -> Option<Vec<u8>> {
        if !self.has_any.load(Ordering::Relaxed) {
            return None;
        }
        let mut waiting = self.waiting();
        self.has_any.store(false, Ordering::Release);
        Some(std::mem::take(&mut *waiting)).filter(|bytes| !bytes.is_empty())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<u8>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(bytes: &mut Vec<u8>, status: StatusCode, headers: &HeaderMap) {
    let reason = status.canonical_reason().unwrap_or_default();
    // Writing to memory does not fail.
    let _ = write!(bytes, "HTTP/1.1 {} {reason}\r\n", status.as_str());
    for (name, value) in headers.iter().filter(|(name, _)| passes(name)) {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
}

/// Neither framing (RFC 9110 §8.6) nor the connection's, nor a message between layers.
fn passes(name: &HeaderName) -> bool {
    let own = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
    ];
    let others = ["keep-alive", "proxy-connection"];
    !own.contains(name) && !others.contains(&name.as_str()) && !name.as_str().starts_with("rack.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_open_request_gets_interim_responses() {
        let interim = Interim::default();
        let hints = |request| interim.add(request, StatusCode::EARLY_HINTS, &HeaderMap::new());
        assert!(!hints(0) && !hints(1), "there is none yet");
        let first = interim.begin();
        let number = interim.request();
        assert!(hints(number));
        drop(first);
        assert_eq!(interim.take(), None, "it was too late");
        assert!(!hints(number), "it has its response");
        let _second = interim.begin();
        assert!(!hints(number), "another request is open");
        assert!(hints(interim.request()));
        assert_eq!(interim.take().unwrap(), b"HTTP/1.1 103 Early Hints\r\n\r\n");
    }

    #[test]
    fn what_waits_is_limited() {
        let interim = Interim::default();
        let _open = interim.begin();
        let mut headers = HeaderMap::new();
        headers.insert("link", "x".repeat(1000).parse().unwrap());
        let hints = || interim.add(interim.request(), StatusCode::EARLY_HINTS, &headers);
        let added = (0..1000).take_while(|_| hints()).count();
        assert!((60..70).contains(&added), "64 KiB: {added}");
        assert!(interim.take().is_some());
        assert!(hints(), "it took them");
    }

    #[test]
    fn nothing_is_added_once_the_response_has_begun_whoever_tries_meanwhile() {
        let interim = Interim::default();
        let done = AtomicBool::new(false);
        let added = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let number = interim.request();
                    if interim.add(number, StatusCode::EARLY_HINTS, &HeaderMap::new()) {
                        added.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
            let mut late = 0;
            // Until the two have met often enough.
            while added.load(Ordering::Relaxed) < 20_000 {
                let open = interim.begin();
                // It has some time, and then its response.
                for _ in 0..interim.request() % 50 {
                    std::hint::spin_loop();
                }
                drop(open);
                late += u32::from(interim.take().is_some());
            }
            done.store(true, Ordering::Relaxed);
            assert_eq!(late, 0, "they would stand in the response");
        });
    }

    #[test]
    fn fields_of_the_connection_and_of_framing_stay_out() {
        let mut headers = HeaderMap::new();
        for name in [
            "link",
            "connection",
            "content-length",
            "keep-alive",
            "rack.x",
        ] {
            headers.insert(HeaderName::from_static(name), "x".parse().unwrap());
        }
        let mut bytes = Vec::new();
        write(&mut bytes, StatusCode::PROCESSING, &headers);
        assert_eq!(bytes, b"HTTP/1.1 102 Processing\r\nlink: x\r\n\r\n");
    }
}
