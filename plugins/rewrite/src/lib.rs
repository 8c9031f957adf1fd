//! A middleware that rewrites paths with regular expressions, in linear time.

#![forbid(unsafe_code)]

mod config;
mod rule;
mod template;

use stackup_plugin::{Context, Middleware, Next, Request, Response, Result, StatusCode, header};

pub use self::config::{Config, RuleConfig};
use self::rule::{Outcome, Rule};

/// Rewrites paths.
pub struct Rewrite(Vec<Rule>);

impl Middleware for Rewrite {
    type Config = Config;

    fn init(config: Config, _cx: &Context) -> Result<Self> {
        let rules = config.rules.into_iter().enumerate();
        let rules = rules.map(|(index, rule)| Rule::new(index, rule));
        Ok(Self(rules.collect::<Result<_>>()?))
    }

    async fn call(&self, mut req: Request, next: Next<'_>) -> Result {
        for rule in &self.0 {
            match rule.apply(&req) {
                None => {}
                Some(Outcome::Redirect(status, location)) => return redirect(status, &location),
                Some(Outcome::Rewrite { path, query }) => {
                    rewrite(&mut req, &path, query.as_deref())?;
                    if rule.is_last {
                        break;
                    }
                }
            }
        }
        next.run(req).await
    }
}

fn redirect(status: StatusCode, location: &str) -> Result {
    Ok(Response::new(status).with_header(header::LOCATION, location)?)
}

/// Changes the path for the layers below. The part that maps above have consumed stays.
fn rewrite(req: &mut Request, path: &str, query: Option<&str>) -> Result<()> {
    let done = match query.unwrap_or_else(|| req.query()) {
        "" => req.go_to(path),
        query => req.go_to(&format!("{path}?{query}")),
    };
    // Only a group of the client's path can make it invalid: `/..$1`, filled with `/x`.
    done.map_err(|error| error.with_status(StatusCode::BAD_REQUEST))
}

stackup_plugin::export!(middleware Rewrite as "rewrite");

#[cfg(test)]
mod tests;
