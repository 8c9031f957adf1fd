//! Which requests a rule applies to.

use std::net::IpAddr;

use ipnet::IpNet;
use regex::Regex;
use stackup_plugin::path::PathPrefix;
use stackup_plugin::{Error, HeaderName, Method, Request, Result, header};

use crate::config::{ConditionConfig, PathConfig};
use crate::text::{Demand, compile};

/// A condition. It looks at the request only.
#[derive(Debug)]
pub(crate) enum Condition {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Client(Vec<IpNet>),
    Path(Vec<PathPrefix>),
    PathMatches(Regex),
    Method(Vec<Method>),
    Header(HeaderName, Demand),
    Cookie(String, Demand),
    Env(String, Demand),
}

impl Condition {
    /// The keys of one table hold together. `key` is where it stands in the config.
    pub(crate) fn new(config: ConditionConfig, key: &str) -> Result<Self> {
        let at = |name: &str| format!("{key}.{name}");
        let mut all = Vec::new();
        if let Some(networks) = config.client {
            all.push(Self::Client(parse_each(networks, &at("client"), network)?));
        }
        match config.path {
            Some(PathConfig::Below(paths)) => {
                all.push(Self::Path(non_empty(paths, &at("path"))?));
            }
            Some(PathConfig::Matches { regex }) => {
                all.push(Self::PathMatches(compile(&regex, &at("path.regex"))?));
            }
            None => {}
        }
        if let Some(methods) = config.method {
            all.push(Self::Method(parse_each(methods, &at("method"), method)?));
        }
        for (name, demand) in config.header {
            let key = at(&format!("header.{name}"));
            all.push(Self::Header(
                header_name(&name, &key)?,
                Demand::new(demand, &key)?,
            ));
        }
        for (name, demand) in config.cookie {
            let demand = Demand::new(demand, &at(&format!("cookie.{name}")))?;
            all.push(Self::Cookie(name, demand));
        }
        for (name, demand) in config.env {
            let demand = Demand::new(demand, &at(&format!("env.{name}")))?;
            all.push(Self::Env(name, demand));
        }
        if let Some(conditions) = config.all {
            all.push(Self::All(inner(conditions, &at("all"))?));
        }
        if let Some(conditions) = config.any {
            all.push(Self::Any(inner(conditions, &at("any"))?));
        }
        if let Some(condition) = config.not {
            let condition = Self::new(*condition, &at("not"))?;
            all.push(Self::Not(Box::new(condition)));
        }
        match (all.pop(), all.is_empty()) {
            (None, _) => Err(Error::config(
                key,
                "the condition is empty; leave it out where each request is meant",
            )),
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                all.push(last);
                Ok(Self::All(all))
            }
        }
    }

    pub(crate) fn matches(&self, req: &Request) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|each| each.matches(req)),
            Self::Any(conditions) => conditions.iter().any(|each| each.matches(req)),
            Self::Not(condition) => !condition.matches(req),
            Self::Client(networks) => client(req)
                .is_some_and(|client| networks.iter().any(|network| network.contains(&client))),
            Self::Path(paths) => paths.iter().any(|path| path.covers(req.path())),
            Self::PathMatches(regex) => regex.is_match(req.path()),
            Self::Method(methods) => methods.contains(&req.method()),
            Self::Header(name, demand) => {
                demand.met_by(req.headers().get_all(name).map(|value| value.to_str()))
            }
            Self::Cookie(name, demand) => demand.met_by(cookies(req, name).map(Some)),
            Self::Env(name, demand) => {
                let value = req.env().get(name);
                demand.met_by(value.as_deref().map(Some).into_iter())
            }
        }
    }
}

/// The address of the client, which the host knows by the connection or by `[server] trusted_proxies`.
pub(crate) fn client(req: &Request) -> Option<IpAddr> {
    req.remote_addr().map(|address| address.ip().to_canonical())
}

/// The values of the cookies with this name (RFC 6265 §4.2.1).
pub(crate) fn cookies<'a>(req: &'a Request, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = req.headers().get_all(header::COOKIE);
    let pairs = lines
        .filter_map(|line| line.to_str())
        .flat_map(|line| line.split(';'));
    pairs.filter_map(move |pair| {
        let (found, value) = pair.split_once('=')?;
        (found.trim() == name).then(|| value.trim())
    })
}

pub(crate) fn header_name(name: &str, key: &str) -> Result<HeaderName> {
    name.parse()
        .map_err(|_| Error::config(key, format!("{name:?} is not a header name")))
}

fn inner(conditions: Vec<ConditionConfig>, key: &str) -> Result<Vec<Condition>> {
    let conditions = non_empty(conditions, key)?.into_iter().enumerate();
    conditions
        .map(|(index, condition)| Condition::new(condition, &format!("{key}[{index}]")))
        .collect()
}

fn non_empty<T>(list: Vec<T>, key: &str) -> Result<Vec<T>> {
    match list.is_empty() {
        true => Err(Error::config(
            key,
            "the list is empty, so it would match no request",
        )),
        false => Ok(list),
    }
}

fn parse_each<T>(
    list: Vec<String>,
    key: &str,
    parse: impl Fn(&str) -> std::result::Result<T, String>,
) -> Result<Vec<T>> {
    let list = non_empty(list, key)?.into_iter().enumerate();
    list.map(|(index, text)| {
        parse(&text).map_err(|message| Error::config(format!("{key}[{index}]"), message))
    })
    .collect()
}

fn network(text: &str) -> std::result::Result<IpNet, String> {
    let network = text.parse::<IpNet>();
    let network = network.or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network
        .map_err(|_| format!("{text:?} is neither an IP address nor a network such as 10.0.0.0/8"))
}

fn method(text: &str) -> std::result::Result<Method, String> {
    // Methods are case-sensitive (RFC 9110 §9.1), and no known one is in lower case.
    match text.parse() {
        Ok(method) if !text.contains(char::is_lowercase) => Ok(method),
        _ => Err(format!("{text:?} is not a method in upper case")),
    }
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
