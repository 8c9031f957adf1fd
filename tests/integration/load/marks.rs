//! What a response says of the stack that made it.

use stackup_tests::http::Response;

/// What stands in the library before the digits of its code.
const CODE: &[u8] = b"stackup-marked-code-";

/// The stack that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) generation: u64,
    pub(super) revision: u64,
    pub(super) code: u64,
}

/// The library with other code: what it answers is another number.
pub(super) fn coded(library: &[u8], code: u64) -> Vec<u8> {
    let mut copy = library.to_vec();
    let mut found = 0;
    for at in 0..library.len() - CODE.len() - 8 {
        if &library[at..at + CODE.len()] == CODE {
            let digits = &mut copy[at + CODE.len()..][..8];
            digits.copy_from_slice(format!("{code:08}").as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "the library has no mark");
    copy
}

impl Mark {
    fn parse(text: &str) -> Option<Self> {
        let (generation, rest) = text.split_once('/')?;
        let (revision, code) = rest.split_once('/')?;
        Some(Self {
            generation: generation.parse().ok()?,
            revision: revision.parse().ok()?,
            code: code.strip_prefix("stackup-marked-code-")?.parse().ok()?,
        })
    }

    /// The mark of a response of which every layer and every byte of the body tell the same.
    pub(super) fn check(response: &Response, is_stream: bool) -> Result<Self, String> {
        let fail = |what: &str| Err(format!("{what}: {:?} {response}", response.head));
        if response.status() != 200 {
            return fail("not a 200");
        }
        let marks: Vec<&str> = response.head.all("x-mark").collect();
        let [first, others @ ..] = &marks[..] else {
            return fail("no mark");
        };
        if others.len() != 3 || others.iter().any(|mark| mark != first) {
            return fail("not one stack");
        }
        let lines = if is_stream { 8 } else { 1 };
        if response.body != format!("{first}\n").repeat(lines).as_bytes() {
            return fail("not the body of this stack");
        }
        let known = ["x-mark", "content-length", "transfer-encoding", "date"];
        let mut headers = response.head.headers.iter();
        if !headers.all(|(name, _)| known.contains(&name.as_str())) {
            return fail("a header of somebody else");
        }
        Self::parse(first).ok_or_else(|| format!("no mark: {first:?}"))
    }
}
