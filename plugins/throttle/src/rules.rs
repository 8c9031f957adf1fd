//! The rules, and what they decide on a request.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stackup_plugin::{Context, Counter, Request, StatusCode, StoreError, tracing};

use crate::answer::{BucketState, Refusal};
use crate::condition::Condition;
use crate::config::{OnStoreError, Responses};
use crate::counters::Counters;
use crate::key::{Part, key};
use crate::quota::{Decision, Quota};

/// The rules, in their order.
pub(crate) struct Rules {
    pub(crate) rules: Vec<Rule>,
    pub(crate) counters: Counters,
    pub(crate) ipv6_prefix: u8,
    pub(crate) on_store_error: OnStoreError,
    pub(crate) fields: Responses,
}

/// A rule.
pub(crate) struct Rule {
    pub(crate) name: String,
    /// Which requests it applies to; `None` is all.
    pub(crate) when: Option<Condition>,
    pub(crate) action: Action,
    pub(crate) dry_run: bool,
    pub(crate) counts: Counts,
}

/// What `stackup status` shows of a rule.
pub(crate) struct Counts {
    matched: Counter,
    /// Under a name of its own for each action, and for a dry run; none where the action refuses nothing.
    refused: Option<Counter>,
    /// None where the action needs no store.
    uncounted: Option<Counter>,
}

/// What a rule does.
pub(crate) enum Action {
    Safelist,
    Blocklist,
    Throttle(Limit),
    Track(Option<Limit>),
    Ban(Ban),
}

/// A quota for each key.
pub(crate) struct Limit {
    pub(crate) quota: Quota,
    cost: u32,
    parts: Vec<Part>,
    /// What its keys in the store begin with.
    prefix: String,
}

/// Bans clients that send too many requests that meet the condition.
pub(crate) struct Ban {
    /// Whether these requests pass.
    pub(crate) lets_pass: bool,
    pub(crate) after: i64,
    pub(crate) find: Duration,
    pub(crate) ban: Duration,
    /// What the keys of counters begin with.
    pub(crate) counter: String,
    /// What the keys of bans begin with.
    pub(crate) banned: String,
    pub(crate) parts: Vec<Part>,
}

/// What becomes of a request.
pub(crate) enum Verdict<'a> {
    /// It passes; its response reports these buckets.
    Pass(Vec<BucketState<'a>>),
    Refuse(Refusal<'a>),
}

/// What one rule says.
enum Outcome<'a> {
    /// The next rule decides.
    Next,
    /// It passes all rules.
    Safe,
    /// It was counted; the next rule decides.
    Counted(BucketState<'a>),
    Refused(Refusal<'a>),
}

impl Counts {
    pub(crate) fn new(
        cx: &Context,
        rule: &str,
        action: &Action,
        dry_run: bool,
    ) -> stackup_plugin::Result<Self> {
        let counter = |name, help| cx.counter(name, help).with("rule", rule).build();
        let refused = match action {
            Action::Safelist | Action::Track(None) => None,
            _ if dry_run => Some(("would_refuse", "Requests that the rule only would refuse")),
            Action::Throttle(_) => Some(("limited", "Requests refused beyond the rate")),
            Action::Track(Some(_)) => Some(("beyond_rate", "Requests beyond the rate, which pass")),
            Action::Blocklist | Action::Ban(_) => Some(("blocked", "Requests refused with 403")),
        };
        let counts = match action {
            Action::Throttle(_) | Action::Track(Some(_)) | Action::Ban(_) => true,
            Action::Safelist | Action::Blocklist | Action::Track(None) => false,
        };
        let uncounted = "Requests that the store could not count";
        Ok(Self {
            matched: counter("matched", "Requests that meet the condition")?,
            refused: refused
                .map(|(name, help)| counter(name, help))
                .transpose()?,
            uncounted: counts
                .then(|| counter("uncounted", uncounted))
                .transpose()?,
        })
    }

    fn refused(&self) {
        if let Some(refused) = &self.refused {
            refused.increment();
        }
    }

    fn uncounted(&self) {
        if let Some(uncounted) = &self.uncounted {
            uncounted.increment();
        }
    }
}

impl Limit {
    pub(crate) fn new(rule: &str, quota: Quota, cost: u32, parts: Vec<Part>) -> Self {
        Self {
            quota,
            cost,
            parts,
            prefix: rule.to_owned(),
        }
    }
}

impl Rules {
    /// Applies the rules one by one.
    pub(crate) async fn judge(&self, req: &Request) -> Verdict<'_> {
        let mut states = Vec::new();
        for rule in &self.rules {
            let outcome = match self.apply(rule, req).await {
                Ok(outcome) => {
                    if let Outcome::Refused(_) = outcome {
                        rule.counts.refused();
                    }
                    outcome
                }
                Err(_) => {
                    rule.counts.uncounted();
                    match self.on_store_error {
                        OnStoreError::Allow => Outcome::Next,
                        OnStoreError::Refuse => {
                            Outcome::Refused(Refusal::without_store(&rule.name))
                        }
                    }
                }
            };
            match outcome {
                Outcome::Next => {}
                Outcome::Safe => break,
                Outcome::Counted(state) if self.fields == Responses::All => states.push(state),
                Outcome::Counted(_) => {}
                Outcome::Refused(refusal) if rule.dry_run => refusal.log_dry_run(req),
                Outcome::Refused(mut refusal) => {
                    if self.fields == Responses::None {
                        refusal.bucket = None;
                    }
                    return Verdict::Refuse(refusal);
                }
            }
        }
        Verdict::Pass(states)
    }

    async fn apply<'a>(&self, rule: &'a Rule, req: &Request) -> Result<Outcome<'a>, StoreError> {
        if let Action::Ban(ban) = &rule.action {
            // A ban holds for all requests.
            return self.apply_ban(rule, ban, req).await;
        }
        if !rule.applies(req) {
            return Ok(Outcome::Next);
        }
        rule.counts.matched.increment();
        match &rule.action {
            Action::Safelist => Ok(Outcome::Safe),
            Action::Blocklist => Ok(Outcome::Refused(Refusal::forbidden(&rule.name))),
            Action::Throttle(limit) => self.apply_limit(rule, limit, req).await,
            Action::Track(None) => {
                rule.log_tracked(req);
                Ok(Outcome::Next)
            }
            Action::Track(Some(limit)) => {
                if let Outcome::Refused(_) = self.apply_limit(rule, limit, req).await? {
                    rule.counts.refused();
                    rule.log_tracked(req);
                }
                Ok(Outcome::Next)
            }
            Action::Ban(_) => Ok(Outcome::Next),
        }
    }

    async fn apply_limit<'a>(
        &self,
        rule: &'a Rule,
        limit: &'a Limit,
        req: &Request,
    ) -> Result<Outcome<'a>, StoreError> {
        let Some(key) = key(&limit.prefix, &limit.parts, req, self.ipv6_prefix) else {
            return Ok(Outcome::Next);
        };
        let (quota, now) = (&limit.quota, now());
        Ok(
            match self.counters.take(&key, quota, limit.cost, now).await? {
                Decision::Admitted { full_at, remaining } => Outcome::Counted(BucketState {
                    rule: &rule.name,
                    quota,
                    remaining,
                    full_in: Duration::from_nanos(full_at.saturating_sub(now)),
                }),
                Decision::Refused { retry_after } => {
                    Outcome::Refused(Refusal::too_many(&rule.name, quota, retry_after))
                }
            },
        )
    }

    async fn apply_ban<'a>(
        &self,
        rule: &'a Rule,
        ban: &Ban,
        req: &Request,
    ) -> Result<Outcome<'a>, StoreError> {
        let Some(banned) = key(&ban.banned, &ban.parts, req, self.ipv6_prefix) else {
            return Ok(Outcome::Next);
        };
        if self.counters.is_banned(&banned).await? {
            return Ok(Outcome::Refused(Refusal::forbidden(&rule.name)));
        }
        if !rule.applies(req) {
            return Ok(Outcome::Next);
        }
        rule.counts.matched.increment();
        if let Some(counter) = key(&ban.counter, &ban.parts, req, self.ipv6_prefix)
            && self.counters.count(&counter, ban.find).await? >= ban.after
        {
            self.counters.ban(&banned, &counter, ban.ban).await?;
            let (rule, time) = (&rule.name, ban.ban);
            tracing::info!(rule, key = banned, "`{rule}` bans for {time:?}: {banned}");
        }
        Ok(match ban.lets_pass {
            true => Outcome::Next,
            false => Outcome::Refused(Refusal::forbidden(&rule.name)),
        })
    }
}

impl Rule {
    fn applies(&self, req: &Request) -> bool {
        self.when.as_ref().is_none_or(|when| when.matches(req))
    }

    fn log_tracked(&self, req: &Request) {
        let (rule, method, path) = (&self.name, req.method(), req.path());
        tracing::info!(rule, "`{rule}` tracks {method} {path}");
    }
}

impl Refusal<'_> {
    fn log_dry_run(&self, req: &Request) {
        let (rule, method, path) = (self.rule, req.method(), req.path());
        let status = StatusCode::as_u16(&self.status);
        tracing::info!(
            rule,
            status,
            "`{rule}` would answer {method} {path} with {status}"
        );
    }
}

/// The time, in nanoseconds after 1970. A clock before that stands still.
fn now() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
