//! A response's body, frame by frame.

use crate::{Kind, Offence};

/// What has passed of a body, and what was said of it.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    /// What `content-length` promises of it.
    promised: Option<u64>,
    /// What it said itself.
    said: Option<u64>,
    /// The bytes so far.
    passed: u64,
    /// It has sent its trailers, or ended.
    over: bool,
}

impl Flow {
    /// Of a body that has just begun.
    pub fn new(promised: Option<u64>, said: Option<u64>) -> Self {
        Self {
            promised,
            said,
            ..Self::default()
        }
    }

    /// A chunk of so many bytes passes.
    pub fn chunk(&mut self, bytes: u64) -> Option<Offence> {
        if self.over {
            let message = "a body went on after its trailers or its end";
            return Some(Offence::new(Kind::GoesOn, message));
        }
        self.passed += bytes;
        let passed = self.passed;
        self.wrong(|wanted| passed > wanted, "or more")
    }

    /// Its trailers pass.
    pub fn trailers(&mut self) -> Option<Offence> {
        match self.over {
            true => Some(Offence::new(
                Kind::GoesOn,
                "a body has trailers after its end",
            )),
            false => self.end(),
        }
    }

    /// It has ended, without a failure.
    pub fn end(&mut self) -> Option<Offence> {
        if std::mem::replace(&mut self.over, true) {
            return None;
        }
        let passed = self.passed;
        self.wrong(|wanted| passed < wanted, "bytes")
    }

    fn wrong(&self, is_wrong: impl Fn(u64) -> bool, unit: &str) -> Option<Offence> {
        let passed = self.passed;
        if let Some(promised) = self.promised.filter(|promised| is_wrong(*promised)) {
            let message =
                format!("`content-length` is {promised}, but the body has {passed} {unit}");
            return Some(Offence::new(Kind::Length, message));
        }
        let said = self.said.filter(|said| is_wrong(*said))?;
        let message = format!("a body said that it has {said} bytes, but it has {passed} {unit}");
        Some(Offence::new(Kind::Size, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(offence: Option<Offence>) -> Option<Kind> {
        offence.map(|offence| offence.kind)
    }

    #[test]
    fn a_promise_is_kept_to_the_byte() {
        let mut kept = Flow::new(Some(4), Some(4));
        assert_eq!(kept.chunk(3), None);
        assert_eq!(kept.chunk(1), None);
        assert_eq!(kept.end(), None);
        let mut more = Flow::new(Some(3), None);
        assert_eq!(more.chunk(2), None);
        assert_eq!(kind(more.chunk(2)), Some(Kind::Length));
        let mut less = Flow::new(Some(3), None);
        assert_eq!(less.chunk(2), None);
        assert_eq!(kind(less.end()), Some(Kind::Length));
        assert_eq!(less.end(), None, "told once");
        let mut at_trailers = Flow::new(Some(3), None);
        assert_eq!(kind(at_trailers.trailers()), Some(Kind::Length));
    }

    #[test]
    fn a_body_is_of_the_size_that_it_says() {
        let mut less = Flow::new(None, Some(3));
        assert_eq!(kind(less.end()), Some(Kind::Size));
        let mut more = Flow::new(None, Some(3));
        assert_eq!(kind(more.chunk(4)), Some(Kind::Size));
        let mut silent = Flow::new(None, None);
        assert_eq!((silent.chunk(9), silent.end()), (None, None));
    }

    #[test]
    fn nothing_comes_after_the_trailers() {
        let mut flow = Flow::new(None, None);
        assert_eq!(flow.chunk(1), None);
        assert_eq!(flow.trailers(), None);
        assert_eq!(flow.end(), None);
        assert_eq!(kind(flow.chunk(1)), Some(Kind::GoesOn));
        assert_eq!(kind(flow.trailers()), Some(Kind::GoesOn));
    }
}
