//! A middleware that limits and blocks requests by rules, as rack-attack does. Its counters are in the store, so they
//! outlive reloads, and machines that share a store count together.

#![forbid(unsafe_code)]

mod answer;
mod condition;
mod config;
mod counters;
mod key;
mod quota;
mod rules;
mod text;

use stackup_plugin::{Context, Middleware, Next, Request, Result};

pub use self::config::Config;
use self::rules::{Rules, Verdict};

/// Limits and blocks requests by rules.
pub struct Throttle(Rules);

impl Middleware for Throttle {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        Ok(Self(config.rules(cx)?))
    }

    async fn call(&self, req: Request, next: Next<'_>) -> Result {
        match self.0.judge(&req).await {
            Verdict::Pass(states) if states.is_empty() => next.run(req).await,
            Verdict::Pass(states) => {
                let mut res = next.run(req).await?;
                answer::add_fields(&mut res, &states)?;
                Ok(res)
            }
            Verdict::Refuse(refusal) => refusal.answer(),
        }
    }
}

stackup_plugin::export!(middleware Throttle as "throttle");

#[cfg(test)]
mod tests;
