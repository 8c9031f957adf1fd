//! What may be written to a log or a terminal: text from outside, escaped, and without secrets. The host and the plugins
//! have these rules from here.

#![forbid(unsafe_code)]

mod escape;
mod secret;
mod terminal;

pub use self::escape::{Quoted, json, one_line, printable, same_length, styled};
pub use self::secret::{HIDDEN, in_path, in_query, in_text, is_secret};
pub use self::terminal::TerminalFilter;
