//! The config of `cors`.

use stackup_plugin::{Error, HeaderName, Method, Result};

use crate::origins::Origins;
use crate::{Cors, RequestHeaders};

/// `[use.config]` of `cors`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The origins whose pages may send requests: `https://www.example.com`, `https://*.example.com`, or `*` for all.
    origins: Vec<String>,
    /// The methods that pages may use.
    methods: Vec<String>,
    /// The request headers that pages may send, besides those that every page may send; `*` for all.
    headers: Vec<String>,
    /// The response headers that pages may read, besides those that every page may read.
    expose: Vec<String>,
    /// Whether requests may carry cookies and other credentials.
    credentials: bool,
    /// How many seconds browsers may cache the answer to a preflight.
    max_age: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            methods: ["GET", "HEAD", "POST"].map(str::to_owned).into(),
            headers: Vec::new(),
            expose: Vec::new(),
            credentials: false,
            max_age: 600,
        }
    }
}

impl Config {
    pub(crate) fn cors(self) -> Result<Cors> {
        let origins = Origins::parse(&self.origins)?;
        if self.credentials && matches!(origins, Origins::Any) {
            let message = "with `origins = [\"*\"]`, every site could act on behalf of its visitors; list the origins";
            return Err(Error::config("credentials", message));
        }
        for (index, method) in self.methods.iter().enumerate() {
            // Methods are case-sensitive in the Fetch standard.
            if method.parse::<Method>().is_err() || method.contains(char::is_lowercase) {
                let message = format!("{method:?} is not a method in upper case");
                return Err(Error::config(format!("methods[{index}]"), message));
            }
        }
        let headers = if self.headers == ["*"] {
            RequestHeaders::Any
        } else {
            RequestHeaders::List(names("headers", &self.headers)?)
        };
        Ok(Cors {
            origins,
            headers,
            credentials: self.credentials,
            methods: self.methods.join(", "),
            expose: names("expose", &self.expose)?,
            max_age: self.max_age.to_string(),
        })
    }
}

fn names(key: &str, names: &[String]) -> Result<String> {
    for (index, name) in names.iter().enumerate() {
        if name == "*" || name.parse::<HeaderName>().is_err() {
            let message = format!("{name:?} is not a header name");
            return Err(Error::config(format!("{key}[{index}]"), message));
        }
    }
    Ok(names.join(", "))
}
