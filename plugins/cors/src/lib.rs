//! A middleware that lets pages of other origins send requests (CORS, in the Fetch standard).

#![forbid(unsafe_code)]

mod config;
mod origins;

use stackup_plugin::{
    Context, Headers, HeadersMut, Method, Middleware, Next, Request, Response, Result, StatusCode,
    header,
};

pub use self::config::Config;
use self::origins::Origins;

/// Lets pages of other origins send requests.
pub struct Cors {
    origins: Origins,
    credentials: bool,
    methods: String,
    headers: RequestHeaders,
    expose: String,
    max_age: String,
}

/// The headers that a page may send.
pub(crate) enum RequestHeaders {
    /// Any.
    Any,
    List(String),
}

impl Middleware for Cors {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        config.cors()
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        if is_preflight(&req) {
            return self.preflight(req.headers());
        }
        let origin = req.header(header::ORIGIN);
        let allowed = origin.and_then(|origin| self.origins.allow_origin(origin));
        let mut res = next.run(req).await?;
        vary(&mut res, self.varies())?;
        if let Some(allowed) = allowed {
            let mut headers = res.headers_mut();
            self.allow(&mut headers, &allowed)?;
            if !self.expose.is_empty() {
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, &self.expose)?;
            }
        }
        Ok(res)
    }
}

impl Cors {
    /// Responds to a preflight. The browser enforces the answer.
    fn preflight(&self, asked: Headers<'_>) -> Result {
        let mut res = Response::new(StatusCode::NO_CONTENT);
        vary(&mut res, self.varies())?;
        vary(&mut res, &["access-control-request-headers"])?;
        let origin = asked.text(header::ORIGIN).unwrap_or_default();
        let Some(allowed) = self.origins.allow_origin(origin) else {
            return Ok(res);
        };
        let mut headers = res.headers_mut();
        self.allow(&mut headers, &allowed)?;
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, &self.methods)?;
        let wanted = match &self.headers {
            RequestHeaders::List(list) => Some(list.as_str()),
            // With credentials, `*` would mean a header of that name.
            RequestHeaders::Any => asked.text(header::ACCESS_CONTROL_REQUEST_HEADERS),
        };
        if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted)?;
        }
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, &self.max_age)?;
        Ok(res)
    }

    fn allow(&self, headers: &mut HeadersMut<'_>, origin: &str) -> Result<()> {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin)?;
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true")?;
        }
        Ok(())
    }

    /// The names for `vary`, also on responses to other origins: a cache must not mix them up.
    fn varies(&self) -> &'static [&'static str] {
        match self.origins {
            Origins::Any => &[],
            Origins::List(_) => &["origin"],
        }
    }
}

/// Whether this is a preflight (Fetch §4.8). Any other OPTIONS goes to the app.
fn is_preflight(req: &Request) -> bool {
    req.method() == Method::OPTIONS
        && req.headers().contains(header::ORIGIN)
        && req
            .headers()
            .contains(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Adds names to `vary` unless already present.
fn vary(res: &mut Response, names: &[&str]) -> Result<()> {
    for name in names {
        let fields = res.headers().get_all(header::VARY);
        let there = fields.filter_map(|field| field.to_str()).any(|field| {
            let mut members = field.split(',').map(str::trim);
            members.any(|member| member == "*" || member.eq_ignore_ascii_case(name))
        });
        if !there {
            res.headers_mut().append(header::VARY, *name)?;
        }
    }
    Ok(())
}

stackup_plugin::export!(middleware Cors as "cors");

#[cfg(test)]
mod tests;
