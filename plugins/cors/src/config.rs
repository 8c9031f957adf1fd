//! What `cors` is told.

use stackup_plugin::{Error, HeaderName, Method, Result};

use crate::origins::Origins;
use crate::{Cors, RequestHeaders};

/// `[use.config]` of `cors`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// Whose pages may ask: `https://www.example.com`, `https://*.example.com`, or `*` for all.
    origins: Vec<String>,
    /// By which methods.
    methods: Vec<String>,
    /// With which headers, beside those that every page may send; `*` for all.
    headers: Vec<String>,
    /// Which headers of a response they may read, beside those that every page may read.
    expose: Vec<String>,
    /// Whether with cookies and other credentials.
    credentials: bool,
    /// For how many seconds browsers need not ask again.
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
            let message = "every site could act in the name of who visits it: name `origins`";
            return Err(Error::config("credentials", message));
        }
        for (index, method) in self.methods.iter().enumerate() {
            // The Fetch standard knows methods as they are written.
            if method.parse::<Method>().is_err() || method.contains(char::is_lowercase) {
                let message = format!("{method:?} is no method in upper case");
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
            let message = format!("{name:?} is not the name of a header");
            return Err(Error::config(format!("{key}[{index}]"), message));
        }
    }
    Ok(names.join(", "))
}
