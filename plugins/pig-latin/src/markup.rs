//! Which characters of HTML are text.

/// Where in a page the next character stands.
#[derive(Debug, Clone, Default)]
pub(crate) enum Markup {
    #[default]
    Text,
    /// After `<`.
    Open,
    /// In a tag: its name so far, whether that has ended, and the quote that is open.
    Tag {
        name: String,
        named: bool,
        quote: Option<char>,
    },
    /// After `<!`, with the dashes seen; two begin a comment.
    Declaration(u8),
    /// In a comment, with the dashes that have just been seen.
    Comment(u8),
    /// After `&`.
    Entity,
    /// In an element whose content is no text, with how much of its end has been seen.
    Raw(&'static str, usize),
}

/// Elements whose content is not for people, by the beginning of their end tags.
const RAW: [&str; 2] = ["</script", "</style"];

impl Markup {
    /// Takes the next character; whether it is text.
    pub(crate) fn is_text(&mut self, c: char) -> bool {
        let (next, text) = match std::mem::take(self) {
            Self::Text => Self::text(c),
            Self::Open => match c {
                '!' => (Self::Declaration(0), false),
                '/' | '?' | 'a'..='z' | 'A'..='Z' => (Self::tag(String::new(), c), false),
                c => Self::text(c),
            },
            Self::Tag {
                name, named: false, ..
            } => (Self::tag(name, c), false),
            Self::Tag { name, quote, .. } => (Self::in_tag(name, quote, c), false),
            Self::Declaration(dashes) => match (dashes, c) {
                (0, '-') => (Self::Declaration(1), false),
                (1, '-') => (Self::Comment(2), false),
                (_, '>') => (Self::Text, false),
                _ => (Self::in_tag(String::new(), None, c), false),
            },
            Self::Comment(dashes) => match c {
                '-' => (Self::Comment(dashes.saturating_add(1)), false),
                '>' if dashes >= 2 => (Self::Text, false),
                _ => (Self::Comment(0), false),
            },
            Self::Entity => match c {
                ';' => (Self::Text, false),
                '#' | '0'..='9' | 'a'..='z' | 'A'..='Z' => (Self::Entity, false),
                c => Self::text(c),
            },
            Self::Raw(end, seen) => (Self::raw(end, seen, c), false),
        };
        *self = next;
        text
    }

    fn text(c: char) -> (Self, bool) {
        match c {
            '<' => (Self::Open, false),
            '&' => (Self::Entity, false),
            _ => (Self::Text, true),
        }
    }

    /// In a tag's name. Only the names in [`RAW`] matter, so it need not be kept whole.
    fn tag(mut name: String, c: char) -> Self {
        if c == '>' || c.is_ascii_whitespace() || (c == '/' && !name.is_empty()) {
            return Self::in_tag(name, None, c);
        }
        if name.len() < 8 {
            name.push(c.to_ascii_lowercase());
        }
        Self::Tag {
            name,
            named: false,
            quote: None,
        }
    }

    /// In a tag after its name.
    fn in_tag(name: String, quote: Option<char>, c: char) -> Self {
        let quote = match (quote, c) {
            (None, '>') => {
                let raw = RAW.into_iter().find(|end| end[2..] == name);
                return raw.map_or(Self::Text, |end| Self::Raw(end, 0));
            }
            (None, '"' | '\'') => Some(c),
            (Some(open), c) if open == c => None,
            (quote, _) => quote,
        };
        Self::Tag {
            name,
            named: true,
            quote,
        }
    }

    fn raw(end: &'static str, seen: usize, c: char) -> Self {
        let expected = |at: usize| end[at..].starts_with(c.to_ascii_lowercase());
        match () {
            () if seen == end.len() && !c.is_ascii_alphanumeric() => {
                Self::in_tag(String::new(), None, c)
            }
            () if seen < end.len() && expected(seen) => Self::Raw(end, seen + 1),
            () => Self::Raw(end, usize::from(expected(0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Markup;

    fn text_of(html: &str) -> String {
        let mut markup = Markup::default();
        html.chars().filter(|&c| markup.is_text(c)).collect()
    }

    #[test]
    fn text_is_found() {
        let cases = [
            ("a<b>c</b>d", "acd"),
            ("a < b > c", "a  b > c"),
            ("<a title='>x' href=\"y>\">z</a>", "z"),
            ("x<!-- a > b -- c -->y", "xy"),
            ("<!-->x", "x"),
            ("<!doctype html>x", "x"),
            ("caf&eacute;s &#x41;b &amp c AT&T", "cafs b  c AT"),
            ("<script>if (a < b) \"</p>\" </scrip </SCRIPT >x", "x"),
            ("<style media=print>p{}</style>x<styled>y", "xy"),
            ("<br/>x<script/>y", "x"),
            ("<?xml version='1.0'?>x", "x"),
        ];
        for (html, text) in cases {
            assert_eq!(text_of(html), text, "{html}");
        }
    }
}
