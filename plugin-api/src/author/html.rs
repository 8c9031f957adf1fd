//! Escaping of text in HTML.

use std::fmt::{self, Display, Write};

/// Displays text escaped for HTML, in an element or a quoted attribute.
///
/// ```
/// use stackup_plugin::Escaped;
/// assert_eq!(Escaped("<b>\"&'").to_string(), "&lt;b&gt;&quot;&amp;&#39;");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => f.write_char(c),
        })
    }
}
