//! What a response of the plugin `marked` says of the stack that made it.

use crate::http::Response;
use crate::patch::patched;

/// What stands in the library before the digits of its code.
const CODE: &str = "stackup-marked-code-";

/// The stack that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Its number.
    pub generation: u64,
    /// Its config.
    pub revision: u64,
    /// Its code.
    pub code: u64,
}

/// Layers and an app of `marked`, with this revision in the config of each.
pub fn manifest(layers: usize, revision: u64) -> String {
    let layer =
        format!("[[use]]\nplugin = \"marked#layer\"\nconfig = {{ revision = {revision} }}\n");
    let app = format!("[run]\nplugin = \"marked#app\"\nconfig = {{ revision = {revision} }}\n");
    format!("{}{app}", layer.repeat(layers))
}

/// The library with other code: what it answers is another number.
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

    /// The mark of a response of which each of three layers and every byte of the body tell the same; a
    /// stream tells it eight times.
    ///
    /// # Errors
    ///
    /// What is wrong with the response.
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
            return fail("not one stack");
        }
        let lines = if is_stream { 8 } else { 1 };
        if response.body != format!("{first}\n").repeat(lines).as_bytes() {
            return fail("not the body of this stack");
        }
        let known = ["x-mark", "content-length", "transfer-encoding", "date"];
        let mut headers = response.head.headers.iter();
        // A worker that retires ends its connections.
        let known = |(name, value): &(String, String)| {
            known.contains(&name.as_str()) || (name == "connection" && value == "close")
        };
        if !headers.all(known) {
            return fail("a header of somebody else");
        }
        Self::parse(first).ok_or_else(|| format!("no mark: {first:?}"))
    }
}
