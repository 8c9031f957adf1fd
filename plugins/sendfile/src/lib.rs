//! A middleware that lets the server in front send files.

#![forbid(unsafe_code)]

mod mappings;

use std::collections::BTreeMap;
use std::path::Path;

use served_files::{escape, sendfile};
use stackup_plugin::{Body, Context, Error, Middleware, Next, Request, Response, Result, header};

use self::mappings::Mappings;

/// `[use.config]` of `sendfile`.
#[stackup_plugin::config]
pub struct Config {
    /// The header that the server in front supports.
    variation: Variation,
    /// For `x-accel-redirect`: directories, and their URLs in the server in front.
    #[serde(default)]
    mappings: BTreeMap<String, String>,
}

/// A header that names a file.
#[stackup_plugin::config]
#[derive(Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Variation {
    /// Of nginx: a URL.
    XAccelRedirect,
    /// Of Apache's mod_xsendfile and lighttpd: a path.
    XSendfile,
    /// Of lighttpd before 1.5: a path.
    XLighttpdSendFile,
}

impl Variation {
    fn header(self) -> &'static str {
        match self {
            Self::XAccelRedirect => "x-accel-redirect",
            Self::XSendfile => "x-sendfile",
            Self::XLighttpdSendFile => "x-lighttpd-send-file",
        }
    }
}

/// Lets the server in front send files.
pub struct Sendfile {
    variation: Variation,
    mappings: Mappings,
}

impl Middleware for Sendfile {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let accel = config.variation == Variation::XAccelRedirect;
        if accel == config.mappings.is_empty() {
            let message = match accel {
                true => {
                    "`x-accel-redirect` needs the URLs of directories, such as { \"/var/www\" = \"/internal\" }"
                }
                false => "only `x-accel-redirect` uses mappings",
            };
            return Err(Error::config("mappings", message));
        }
        Ok(Self {
            variation: config.variation,
            mappings: Mappings::new(config.mappings, &cx.directory())?,
        })
    }

    // No request header has an effect: otherwise a client could ask for any file (CVE-2025-61780).
    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        sendfile::offer(&mut req);
        let mut res = next.run(req).await?;
        if let Some(path) = sendfile::take(&mut res)
            && let Some(value) = self.name_of(&path)
        {
            delegate(&mut res, self.variation.header(), &value)?;
        }
        Ok(res)
    }
}

impl Sendfile {
    /// The name of the file in the server in front; none outside all mappings.
    fn name_of(&self, path: &Path) -> Option<String> {
        match self.variation {
            Variation::XAccelRedirect => self.mappings.url(path),
            // All servers that support these decode them.
            Variation::XSendfile | Variation::XLighttpdSendFile => Some(escape(path.to_str()?)),
        }
    }
}

/// Replaces the body with the header that names the file.
fn delegate(res: &mut Response, header: &str, value: &str) -> Result<()> {
    res.set_body(Body::empty());
    let mut headers = res.headers_mut();
    headers.insert(header::CONTENT_LENGTH, "0")?;
    headers.insert(header, value)?;
    Ok(())
}

stackup_plugin::export!(middleware Sendfile as "sendfile");

#[cfg(test)]
mod tests;
