//! A middleware that leaves the sending of files to the server in front.

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
    /// The header that the server in front understands.
    variation: Variation,
    /// For `x-accel-redirect`: directories, and the URLs under which the server in front has them.
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

/// Leaves files to the server in front.
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
                    "`x-accel-redirect` needs to know which URLs the directories have: { \"/var/www\" = \"/internal\" }"
                }
                false => "only `x-accel-redirect` takes URLs",
            };
            return Err(Error::config("mappings", message));
        }
        Ok(Self {
            variation: config.variation,
            mappings: Mappings::new(config.mappings, &cx.directory())?,
        })
    }

    // Nothing of the request says whether, how or where: a client could ask for any file (CVE-2025-61780).
    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        sendfile::offer(&mut req);
        let mut res = next.run(req).await?;
        if let Some(path) = sendfile::take(&mut res)
            && let Some(value) = self.name_of(&path)
        {
            leave(&mut res, self.variation.header(), &value)?;
        }
        Ok(res)
    }
}

impl Sendfile {
    /// What the server in front calls the file; none if it does not know it.
    fn name_of(&self, path: &Path) -> Option<String> {
        match self.variation {
            Variation::XAccelRedirect => self.mappings.url(path),
            // All that understand these decode them.
            Variation::XSendfile | Variation::XLighttpdSendFile => Some(escape(path.to_str()?)),
        }
    }
}

/// Puts the name of the file in place of the body.
fn leave(res: &mut Response, header: &str, value: &str) -> Result<()> {
    res.set_body(Body::empty());
    let mut headers = res.headers_mut();
    headers.insert(header::CONTENT_LENGTH, "0")?;
    headers.insert(header, value)?;
    Ok(())
}

stackup_plugin::export!(middleware Sendfile as "sendfile");

#[cfg(test)]
mod tests;
