//! A middleware that responds with 503 during maintenance.

#![forbid(unsafe_code)]

mod allowlist;
mod config;
mod switch;

use stackup_plugin::{
    Bytes, Context, HeaderValue, Middleware, Next, Request, Response, Result, StatusCode, header,
};

use self::allowlist::Allowlist;
pub use self::config::Config;
use self::switch::Switch;

/// Responds with 503 during maintenance.
pub struct Maintenance {
    switch: Switch,
    allowlist: Allowlist,
    retry_after: HeaderValue,
    content_type: HeaderValue,
    page: Bytes,
}

impl Middleware for Maintenance {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let (content_type, page) = config.page(cx)?;
        Ok(Self {
            switch: config.switch(cx)?,
            allowlist: Allowlist::new(&config.allow, config.allow_paths)?,
            retry_after: HeaderValue::from(config.retry_after),
            content_type,
            page,
        })
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        if self.allowlist.allows(&req) || !self.switch.is_on().await {
            return next.run(req).await;
        }
        let mut res = Response::new(StatusCode::SERVICE_UNAVAILABLE);
        let mut headers = res.headers_mut();
        headers.insert(header::CONTENT_TYPE, &self.content_type)?;
        headers.insert(header::RETRY_AFTER, &self.retry_after)?;
        headers.insert(header::CACHE_CONTROL, "no-store")?;
        res.set_body(self.page.clone());
        Ok(res)
    }
}

stackup_plugin::export!(middleware Maintenance as "maintenance");

#[cfg(test)]
mod tests;
