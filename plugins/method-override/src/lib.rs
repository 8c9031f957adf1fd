//! A middleware that lets forms use methods other than POST: `Rack::MethodOverride`.

#![forbid(unsafe_code)]

mod config;
mod form;
mod growing;
mod peek;

use log_text::one_line;
use stackup_plugin::{Context, Method, Middleware, Next, Request, Result, tracing};

pub use self::config::Config;
use self::config::method;
use self::form::Form;

/// The form field.
const FIELD: &str = "_method";
/// The header, for clients that send no form.
const HEADER: &str = "x-http-method-override";
/// The env name of the original method.
const ORIGINAL: &str = "rack.methodoverride.original_method";

/// Changes the method of requests that ask for it.
pub struct MethodOverride {
    methods: Vec<Method>,
    overrides: Vec<Method>,
    max_bytes: usize,
}

impl Middleware for MethodOverride {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        let parse = |key: &str, names: Vec<String>| -> Result<Vec<Method>> {
            let methods = names.iter().enumerate();
            methods
                .map(|(index, name)| method(&format!("{key}[{index}]"), name))
                .collect()
        };
        Ok(Self {
            methods: parse("methods", config.methods)?,
            overrides: parse("overrides", config.overrides)?,
            max_bytes: config.max_bytes,
        })
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        let original = req.method();
        if self.methods.contains(&original)
            && let Some(wanted) = self.wanted(&mut req).await?
        {
            req.env_mut().set(ORIGINAL, original.as_str());
            req.set_method(&wanted);
        }
        next.run(req).await
    }
}

impl MethodOverride {
    /// The method that a request asks for, if allowed.
    async fn wanted(&self, req: &mut Request) -> Result<Option<Method>> {
        let field = match Form::of(req) {
            Some(form) => self.field(req, form).await?,
            None => None,
        };
        let name = field.or_else(|| req.header(HEADER).map(ToOwned::to_owned));
        let name = name.unwrap_or_default().trim().to_ascii_uppercase();
        Ok(self
            .overrides
            .iter()
            .find(|method| method.as_str() == name)
            .cloned())
    }

    /// The field of a form; none if the form is malformed. The body is passed on in full.
    async fn field(&self, req: &mut Request, form: Form) -> Result<Option<String>> {
        let (found, body) = form.find(FIELD, req.take_body(), self.max_bytes).await?;
        req.set_body(body);
        found.or_else(|error| {
            tracing::debug!("malformed form: {}", one_line(&error.to_string()));
            Ok(None)
        })
    }
}

stackup_plugin::export!(middleware MethodOverride as "method-override");

#[cfg(test)]
mod tests;
