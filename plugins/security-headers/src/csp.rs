//! `content-security-policy` (CSP Level 3), with a nonce for each response.

use std::ops::Deref;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use stackup_plugin::{Error, HeaderName, HeaderValue, Result, header};

use crate::Config;

/// A policy; none if it has no directives.
pub(crate) struct Csp {
    name: HeaderName,
    /// The text, split where the nonce belongs.
    pieces: Vec<String>,
}

/// Random text in a response's header and in the tags of its page.
pub(crate) struct Nonce(String);

impl Deref for Nonce {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Nonce {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Csp {
    pub(crate) fn new(config: Config) -> Result<Self> {
        let name = match config.csp_report_only {
            true => header::CONTENT_SECURITY_POLICY_REPORT_ONLY,
            false => header::CONTENT_SECURITY_POLICY,
        };
        for (index, directive) in config.csp_nonce.iter().enumerate() {
            if !config.csp.contains_key(directive) {
                let message = format!("`csp` has no {directive:?}");
                return Err(Error::config(format!("csp_nonce[{index}]"), message));
            }
        }
        let mut pieces = vec![String::new()];
        for (directive, sources) in &config.csp {
            check(directive, sources)?;
            let text = [std::slice::from_ref(directive), sources]
                .concat()
                .join(" ");
            let mut last = pieces.pop().unwrap_or_default();
            if !(last.is_empty() && pieces.is_empty()) {
                last.push_str("; ");
            }
            last.push_str(&text);
            pieces.push(last);
            if config.csp_nonce.contains(directive) {
                pieces.push(String::new());
            }
        }
        Ok(Self { name, pieces })
    }

    /// A new nonce, if the policy uses one.
    pub(crate) fn nonce(&self) -> Result<Option<Nonce>> {
        if self.pieces.len() == 1 {
            return Ok(None);
        }
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::msg(format!(
                "failed to get random bytes from the system: {error}"
            ))
        })?;
        Ok(Some(Nonce(STANDARD.encode(bytes))))
    }

    pub(crate) fn header(
        &self,
        nonce: Option<&Nonce>,
    ) -> Result<Option<(HeaderName, HeaderValue)>> {
        let source = nonce.map(|nonce| format!(" 'nonce-{}'", &**nonce));
        let text = self.pieces.join(source.as_deref().unwrap_or_default());
        if text.is_empty() {
            return Ok(None);
        }
        Ok(Some((self.name.clone(), HeaderValue::try_from(text)?)))
    }
}

fn check(directive: &str, sources: &[String]) -> Result<()> {
    let at = |key: String, why: &str| Err(Error::config(key, why));
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    if directive.is_empty() || !directive.bytes().all(is_name) {
        return at(
            format!("csp.{directive}"),
            "not a directive such as `script-src`",
        );
    }
    for (index, source) in sources.iter().enumerate() {
        let key = format!("csp.{directive}[{index}]");
        let is_part = |byte: u8| matches!(byte, b'!'..=b'~') && !matches!(byte, b';' | b',');
        if source.is_empty() || !source.bytes().all(is_part) {
            return at(
                key,
                "not a source; write each as its own string, without spaces, `;` or `,`",
            );
        }
        if source.starts_with("'nonce-") {
            return at(key, "a fixed nonce protects nothing; use `csp_nonce`");
        }
        let word = source.trim_matches('\'');
        if word == source
            && matches!(
                word,
                "self" | "none" | "unsafe-inline" | "unsafe-eval" | "strict-dynamic"
            )
        {
            return at(
                key,
                "without single quotes this is a host; write it as \"'self'\"",
            );
        }
    }
    Ok(())
}
