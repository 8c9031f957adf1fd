//! What the CA knows.

use std::collections::HashSet;

use serde_json::Value;

/// Where the CA validates names: `host:port` for each challenge.
#[derive(Debug, Clone)]
pub(in crate::acme) struct Targets {
    pub(in crate::acme) tls: String,
    pub(in crate::acme) http: String,
}

#[derive(Default)]
pub(super) struct State {
    nonces: HashSet<String>,
    next_nonce: u64,
    pub(super) accounts: Vec<Account>,
    pub(super) orders: Vec<Order>,
    /// The orders that it was asked for.
    pub(super) asked: usize,
    pub(super) validity: Option<(i64, i64)>,
    pub(super) refusals: Vec<(u16, String, String)>,
    pub(super) bad_nonces: usize,
}

pub(super) struct Account {
    pub(super) jwk: Value,
    pub(super) thumbprint: String,
}

pub(super) struct Order {
    pub(super) account: usize,
    pub(super) authorizations: Vec<Authorization>,
    pub(super) certificate: Option<String>,
}

pub(super) struct Authorization {
    pub(super) domain: String,
    pub(super) token: String,
    /// The challenge that was tried, and what has become of it; none while it is being tried.
    pub(super) tried: Option<(String, Option<Result<(), String>>)>,
}

impl State {
    pub(super) fn new_nonce(&mut self) -> String {
        self.next_nonce += 1;
        let nonce = format!("nonce-{}", self.next_nonce);
        self.nonces.insert(nonce.clone());
        nonce
    }

    /// A nonce is for one request.
    pub(super) fn use_nonce(&mut self, nonce: &str) -> bool {
        if self.bad_nonces > 0 {
            self.bad_nonces -= 1;
            return false;
        }
        self.nonces.remove(nonce)
    }
}

impl Order {
    /// Its status (RFC 8555 §7.1.6).
    pub(super) fn status(&self) -> &'static str {
        let mut all = self.authorizations.iter().map(Authorization::status);
        if self.certificate.is_some() {
            "valid"
        } else if all.clone().any(|status| status == "invalid") {
            "invalid"
        } else if all.all(|status| status == "valid") {
            "ready"
        } else {
            "pending"
        }
    }
}

impl Authorization {
    pub(super) fn status(&self) -> &'static str {
        match &self.tried {
            Some((_, Some(Ok(())))) => "valid",
            Some((_, Some(Err(_)))) => "invalid",
            _ => "pending",
        }
    }
}
