//! Marks: each response of the plugin `marked` names the stack that produced it.

use crate::http::Response;
use crate::patch::patched;

/// The text before the digits of a library's code.
const CODE: &str = "stackup-marked-code-";

/// The stack that responded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Its generation.
    pub generation: u64,
    /// The revision in its config.
    pub revision: u64,
    /// The code of its library.
    pub code: u64,
}

/// A manifest with layers and an app of `marked`, each with this revision in its config.
pub fn manifest(layers: usize, revision: u64) -> String {
    let layer =
        format!("[[use]]\nplugin = \"marked#layer\"\nconfig = {{ revision = {revision} }}\n");
    let app = format!("[run]\nplugin = \"marked#app\"\nconfig = {{ revision = {revision} }}\n");
    format!("{}{app}", layer.repeat(layers))
}

/// The library with other code, which its responses report.
pub fn with_code(library: &[u8], code: u64) -> Vec<u8> {
    patched(
        library,
        &format!("{CODE}00000000"),
        &format!("{CODE}{code:08}"),
    )
}

impl Mark {
    fn parse(text: &str) -> Option<Self> {
        let (generation, rest) = text.split_once('/')?;
        let (revision, code) = rest.split_once('/')?;
        Some(Self {
            generation: generation.parse().ok()?,
            revision: revision.parse().ok()?,
            code: code.strip_prefix(CODE)?.parse().ok()?,
        })
    }

    /// The mark of a response. Each of three layers and the body must have the same mark; a stream repeats it eight
    /// times.
    ///
    /// # Errors
    ///
    /// If the marks differ or anything else is unexpected.
    pub fn check(response: &Response, is_stream: bool) -> Result<Self, String> {
        let fail = |what: &str| Err(format!("{what}: {:?} {response}", response.head));
        if response.status() != 200 {
            return fail("not a 200");
        }
        let marks: Vec<&str> = response.head.all("x-mark").collect();
        let [first, others @ ..] = &marks[..] else {
            return fail("no mark");
        };
        if others.len() != 3 || others.iter().any(|mark| mark != first) {
            return fail("marks of several stacks");
        }
        let lines = if is_stream { 8 } else { 1 };
        if response.body != format!("{first}\n").repeat(lines).as_bytes() {
            return fail("the body has another mark");
        }
        let known = ["x-mark", "content-length", "transfer-encoding", "date"];
        let mut headers = response.head.headers.iter();
        // A retiring worker closes its connections.
        let known = |(name, value): &(String, String)| {
            known.contains(&name.as_str()) || (name == "connection" && value == "close")
        };
        if !headers.all(known) {
            return fail("an unknown header");
        }
        Self::parse(first).ok_or_else(|| format!("no mark: {first:?}"))
    }
}
