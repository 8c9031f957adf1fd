//! The config of `throttle`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stackup_plugin::path::PathPrefix;
use stackup_plugin::{Context, Error, Result};

use crate::condition::Condition;
use crate::counters::Counters;
use crate::key::Part;
use crate::quota::{Quota, duration};
use crate::rules::{Action, Ban, Counts, Limit, Rule, Rules};

/// The longest name of a rule: it is a part of keys in the store.
const LONGEST_NAME: usize = 64;

/// `[use.config]` of `throttle`.
#[stackup_plugin::config]
#[serde(default)]
pub struct Config {
    /// The rules, applied in this order.
    rules: Vec<RuleConfig>,
    /// How many bits of an IPv6 address identify a client: its provider gives it a whole network.
    #[schemars(range(min = 1, max = 128))]
    ipv6_prefix: u8,
    /// What happens to requests that a rule has to count while the store is unavailable.
    on_store_error: OnStoreError,
    /// Which responses have `ratelimit` and `ratelimit-policy`.
    fields: Responses,
    /// Whether rules only log what they would do.
    dry_run: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            ipv6_prefix: 64,
            on_store_error: OnStoreError::Allow,
            fields: Responses::Refused,
            dry_run: false,
        }
    }
}

/// What happens to requests that can't be counted.
#[stackup_plugin::config]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnStoreError {
    /// They pass.
    Allow,
    /// They get 503.
    Refuse,
}

/// Some responses.
#[stackup_plugin::config]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Responses {
    /// Those that a rule has refused.
    Refused,
    /// Those of all requests that a rule has counted.
    All,
    /// None.
    None,
}

/// A rule.
#[stackup_plugin::config]
pub(crate) struct RuleConfig {
    /// Its name in the log, in response headers and in the store: `a` to `z`, digits, `-`, `_` and `.`.
    name: String,
    /// What it does with requests that meet `when`.
    action: ActionName,
    /// The requests it applies to; all if missing.
    when: Option<ConditionConfig>,
    /// `throttle`, `track`: how many requests pass in which time: `"5/20s"`, `"100/m"`.
    rate: Option<String>,
    /// `throttle`, `track`: how many requests may come at once; as many as `rate` says if missing.
    #[schemars(range(min = 1))]
    burst: Option<u32>,
    /// `throttle`, `track`: as how many requests one counts.
    #[schemars(range(min = 1))]
    cost: Option<u32>,
    /// By what requests are counted apart: `client`, `path`, `method`, `header:NAME`, `cookie:NAME`, `env:NAME`. With an
    /// empty list all count together.
    key: Option<Vec<String>>,
    /// `fail2ban`, `allow2ban`: after how many requests a client is banned.
    #[schemars(range(min = 1))]
    after: Option<u32>,
    /// `fail2ban`, `allow2ban`: in which time these must come: `"10m"`.
    find: Option<String>,
    /// `fail2ban`, `allow2ban`: how long the ban lasts: `"1h"`.
    ban: Option<String>,
    /// Whether the rule only logs what it would do.
    #[serde(default)]
    dry_run: bool,
}

/// What a rule does.
#[stackup_plugin::config]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ActionName {
    /// Lets requests pass; the rules after it do not see them.
    Safelist,
    /// Refuses requests with 403.
    Blocklist,
    /// Refuses requests beyond a rate with 429.
    Throttle,
    /// Logs requests; with a rate, those beyond it.
    Track,
    /// Refuses requests with 403, and bans who sends too many of them from everything.
    Fail2ban,
    /// Lets requests pass, and bans who sends too many of them from everything.
    Allow2ban,
}

/// A condition. All of its keys must hold.
#[stackup_plugin::config]
#[derive(Default)]
#[serde(default)]
pub(crate) struct ConditionConfig {
    /// Addresses and networks of clients.
    pub(crate) client: Option<Vec<String>>,
    /// Paths with everything below them, or a regular expression.
    pub(crate) path: Option<PathConfig>,
    /// Methods.
    pub(crate) method: Option<Vec<String>>,
    /// Request headers.
    pub(crate) header: BTreeMap<String, TextConfig>,
    /// Cookies.
    pub(crate) cookie: BTreeMap<String, TextConfig>,
    /// Values of the env.
    pub(crate) env: BTreeMap<String, TextConfig>,
    /// Conditions that must all hold.
    pub(crate) all: Option<Vec<ConditionConfig>>,
    /// Conditions of which one must hold.
    pub(crate) any: Option<Vec<ConditionConfig>>,
    /// A condition that must not hold.
    pub(crate) not: Option<Box<ConditionConfig>>,
}

/// Some paths.
#[stackup_plugin::config]
#[serde(untagged, expecting = "a list of paths, or `{ regex = \"…\" }`")]
pub(crate) enum PathConfig {
    /// These and everything below them.
    Below(Vec<PathPrefix>),
    /// Those that match.
    Matches {
        /// A regular expression for the path in canonical form.
        regex: String,
    },
}

/// What a text must be.
#[stackup_plugin::config]
#[serde(
    untagged,
    expecting = "the text itself, `{ regex = \"…\" }`, or whether there is one"
)]
pub(crate) enum TextConfig {
    /// Whether it is present.
    Presence(bool),
    /// The whole text.
    Is(String),
    /// A text that matches.
    Matches {
        /// A regular expression.
        regex: String,
    },
}

impl Config {
    pub(crate) fn rules(self, cx: &Context) -> Result<Rules> {
        if self.rules.is_empty() {
            return Err(Error::config(
                "rules",
                "a throttle without rules does nothing",
            ));
        }
        let mut names = BTreeSet::new();
        let mut rules = Vec::with_capacity(self.rules.len());
        for (index, config) in self.rules.into_iter().enumerate() {
            let key = format!("rules[{index}]");
            check_name(&config.name, &key)?;
            if !names.insert(config.name.clone()) {
                let message = format!(
                    "another rule has the name {:?}, and they would count together",
                    config.name
                );
                return Err(Error::config(format!("{key}.name"), message));
            }
            rules.push(config.rule(&key, self.dry_run, cx)?);
        }
        Ok(Rules {
            rules,
            counters: Counters::new(cx.store()),
            ipv6_prefix: self.ipv6_prefix,
            on_store_error: self.on_store_error,
            fields: self.fields,
        })
    }
}

fn check_name(name: &str, key: &str) -> Result<()> {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    let message = format!(
        "{name:?} is not allowed: a name has 1 to {LONGEST_NAME} characters, `a` to `z`, digits, `-`, `_` and `.`"
    );
    Err(Error::config(format!("{key}.name"), message))
}

impl RuleConfig {
    fn rule(mut self, key: &str, dry_run: bool, cx: &Context) -> Result<Rule> {
        let when = self.when.take();
        let when = when
            .map(|when| Condition::new(when, &format!("{key}.when")))
            .transpose()?;
        let action = match self.action {
            ActionName::Safelist | ActionName::Blocklist if when.is_none() => {
                let message = "a list without a condition decides on every request; add `when`";
                return Err(Error::config(format!("{key}.when"), message));
            }
            ActionName::Safelist => Action::Safelist,
            ActionName::Blocklist => Action::Blocklist,
            ActionName::Throttle => Action::Throttle(self.limit(key)?),
            ActionName::Track if self.rate.is_some() => Action::Track(Some(self.limit(key)?)),
            ActionName::Track => Action::Track(None),
            ActionName::Fail2ban | ActionName::Allow2ban => Action::Ban(self.ban(key)?),
        };
        self.check_unused(key, &action)?;
        let dry_run = dry_run || self.dry_run;
        Ok(Rule {
            counts: Counts::new(cx, &self.name, &action, dry_run)?,
            name: self.name,
            when,
            action,
            dry_run,
        })
    }

    fn limit(&self, key: &str) -> Result<Limit> {
        let Some(rate) = &self.rate else {
            return Err(missing(key, "rate", "\"5/20s\""));
        };
        let quota = Quota::parse(rate, self.burst)
            .map_err(|message| Error::config(format!("{key}.rate"), message))?;
        let cost = self.cost.unwrap_or(1);
        if cost > quota.burst() {
            let message = format!(
                "a request that costs {cost} never passes where at most {} may come at once; raise `burst`",
                quota.burst()
            );
            return Err(Error::config(format!("{key}.cost"), message));
        }
        let parts = self.parts(key)?;
        Ok(Limit::new(&self.name, quota, cost, parts))
    }

    fn ban(&self, key: &str) -> Result<Ban> {
        let time = |name: &str, text: &Option<String>| -> Result<Duration> {
            let Some(text) = text else {
                return Err(missing(key, name, "\"10m\""));
            };
            duration(text).ok_or_else(|| {
                let message = format!("{text:?} is not a time such as \"90s\", \"10m\" or \"1h\"");
                Error::config(format!("{key}.{name}"), message)
            })
        };
        let Some(after) = self.after else {
            return Err(missing(key, "after", "3"));
        };
        Ok(Ban {
            lets_pass: self.action == ActionName::Allow2ban,
            after: after.into(),
            find: time("find", &self.find)?,
            ban: time("ban", &self.ban)?,
            counter: format!("{}|count", self.name),
            banned: format!("{}|ban", self.name),
            parts: self.parts(key)?,
        })
    }

    fn parts(&self, key: &str) -> Result<Vec<Part>> {
        let Some(parts) = &self.key else {
            return Ok(vec![Part::Client]);
        };
        let parts = parts.iter().enumerate();
        parts
            .map(|(index, part)| Part::parse(part, &format!("{key}.key[{index}]")))
            .collect()
    }

    /// Refuses keys that the action does not use.
    fn check_unused(&self, key: &str, action: &Action) -> Result<()> {
        let limits = matches!(action, Action::Throttle(_) | Action::Track(Some(_)));
        let bans = matches!(action, Action::Ban(_));
        let set = [
            ("rate", self.rate.is_some(), limits),
            ("burst", self.burst.is_some(), limits),
            ("cost", self.cost.is_some(), limits),
            ("key", self.key.is_some(), limits || bans),
            ("after", self.after.is_some(), bans),
            ("find", self.find.is_some(), bans),
            ("ban", self.ban.is_some(), bans),
        ];
        match set.into_iter().find(|(_, set, used)| *set && !used) {
            None => Ok(()),
            Some((name, ..)) => {
                let why = match (action, name) {
                    (Action::Track(None), "burst" | "cost" | "key") => "it needs `rate`",
                    _ => "this action does not use it",
                };
                Err(Error::config(format!("{key}.{name}"), why))
            }
        }
    }
}

fn missing(key: &str, name: &str, example: &str) -> Error {
    let message = format!("it is missing; for example `{name} = {example}`");
    Error::config(format!("{key}.{name}"), message)
}
