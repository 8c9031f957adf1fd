//! Checking a response's body, frame by frame.

use crate::{Kind, Violation};

/// Checks the frames of a body against its `content-length` and its own size hint.
#[derive(Debug, Clone, Default)]
pub struct FrameChecker {
    /// The size that `content-length` gives.
    content_length: Option<u64>,
    /// The size that the body itself declares.
    size_hint: Option<u64>,
    /// The bytes seen so far.
    passed: u64,
    /// Whether its trailers or its end were seen.
    ended: bool,
}

impl FrameChecker {
    /// For a body of which nothing has been read.
    pub fn new(content_length: Option<u64>, size_hint: Option<u64>) -> Self {
        Self {
            content_length,
            size_hint,
            ..Self::default()
        }
    }

    /// Checks a chunk of `bytes` bytes.
    pub fn chunk(&mut self, bytes: u64) -> Option<Violation> {
        if self.ended {
            let message = "a body sent data after its trailers or its end";
            return Some(Violation::new(Kind::DataAfterEnd, message));
        }
        self.passed += bytes;
        let passed = self.passed;
        self.mismatch(|expected| passed > expected, "or more")
    }

    /// Checks trailers.
    pub fn trailers(&mut self) -> Option<Violation> {
        match self.ended {
            true => Some(Violation::new(
                Kind::DataAfterEnd,
                "a body sent trailers after its end",
            )),
            false => self.end(),
        }
    }

    /// Checks the end of a body that did not fail.
    pub fn end(&mut self) -> Option<Violation> {
        if std::mem::replace(&mut self.ended, true) {
            return None;
        }
        let passed = self.passed;
        self.mismatch(|expected| passed < expected, "bytes")
    }

    fn mismatch(&self, differs: impl Fn(u64) -> bool, unit: &str) -> Option<Violation> {
        let passed = self.passed;
        if let Some(length) = self.content_length.filter(|length| differs(*length)) {
            let message = format!("`content-length` is {length}, but the body has {passed} {unit}");
            return Some(Violation::new(Kind::WrongContentLength, message));
        }
        let hint = self.size_hint.filter(|hint| differs(*hint))?;
        let message = format!("a body declared {hint} bytes, but has {passed} {unit}");
        Some(Violation::new(Kind::WrongSizeHint, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(violation: Option<Violation>) -> Option<Kind> {
        violation.map(|violation| violation.kind)
    }

    #[test]
    fn content_length_is_exact() {
        let mut exact = FrameChecker::new(Some(4), Some(4));
        assert_eq!(exact.chunk(3), None);
        assert_eq!(exact.chunk(1), None);
        assert_eq!(exact.end(), None);
        let mut more = FrameChecker::new(Some(3), None);
        assert_eq!(more.chunk(2), None);
        assert_eq!(kind(more.chunk(2)), Some(Kind::WrongContentLength));
        let mut less = FrameChecker::new(Some(3), None);
        assert_eq!(less.chunk(2), None);
        assert_eq!(kind(less.end()), Some(Kind::WrongContentLength));
        assert_eq!(less.end(), None, "reported once");
        let mut at_trailers = FrameChecker::new(Some(3), None);
        assert_eq!(kind(at_trailers.trailers()), Some(Kind::WrongContentLength));
    }

    #[test]
    fn size_hint_is_exact() {
        let mut less = FrameChecker::new(None, Some(3));
        assert_eq!(kind(less.end()), Some(Kind::WrongSizeHint));
        let mut more = FrameChecker::new(None, Some(3));
        assert_eq!(kind(more.chunk(4)), Some(Kind::WrongSizeHint));
        let mut silent = FrameChecker::new(None, None);
        assert_eq!((silent.chunk(9), silent.end()), (None, None));
    }

    #[test]
    fn data_after_trailers_is_a_violation() {
        let mut frames = FrameChecker::new(None, None);
        assert_eq!(frames.chunk(1), None);
        assert_eq!(frames.trailers(), None);
        assert_eq!(frames.end(), None);
        assert_eq!(kind(frames.chunk(1)), Some(Kind::DataAfterEnd));
        assert_eq!(kind(frames.trailers()), Some(Kind::DataAfterEnd));
    }
}
