//! Where a response belongs in the store.

use http_cache::{Fields, NoVarySearch, Vary, variant_key};

use crate::target::Target;

/// Where a response is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The key for all its variants.
    key: Vec<u8>,
    /// The names in `Vary`, and what the request has in these fields.
    variant: Option<(String, Vec<u8>)>,
    /// The key for a rule about queries, and the rule.
    search_rule: Option<(Vec<u8>, Vec<u8>)>,
}

impl Place {
    /// Where the response to a request belongs.
    pub fn of(target: &Target, request: &impl Fields, response: &impl Fields) -> Self {
        let variant = match Vary::of(response) {
            Vary::Names(names) => {
                let values = variant_key(names.iter().map(String::as_str), request);
                Some((names.join(","), values))
            }
            Vary::None | Vary::Any => None,
        };
        let line = response.only("no-vary-search");
        let rule = line.and_then(|line| Some((NoVarySearch::of(response)?, line)));
        match rule {
            Some((rule, line)) => Self {
                key: target.search_key(&rule, line),
                variant,
                search_rule: Some((target.search_rule_key(), line.to_vec())),
            },
            None => Self {
                key: target.key(),
                variant,
                search_rule: None,
            },
        }
    }

    /// The key for all its variants.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The names in `Vary`, and what the request has in these fields.
    pub(crate) fn variant(&self) -> Option<&(String, Vec<u8>)> {
        self.variant.as_ref()
    }

    /// The key for a rule about queries, and the rule.
    pub(crate) fn search_rule(&self) -> Option<&(Vec<u8>, Vec<u8>)> {
        self.search_rule.as_ref()
    }

    /// The fields of a request that select what is stored here, each with its value; empty if all requests do.
    pub fn selecting_fields(&self) -> Vec<String> {
        let Some((names, values)) = &self.variant else {
            return Vec::new();
        };
        let values = values.split(|byte| *byte == b'\n');
        let fields = names.split(',').zip(values).map(|(name, value)| {
            // The first byte says whether the request has the field.
            let value = value.get(1..).unwrap_or_default();
            format!("{name}: {}", String::from_utf8_lossy(value))
        });
        fields.collect()
    }

    /// Whether it has neither variants nor a rule for queries.
    pub fn is_plain(&self) -> bool {
        self.variant.is_none() && self.search_rule.is_none()
    }

    /// Whether a request with these fields selects what is stored here.
    pub fn selects(&self, request: &impl Fields) -> bool {
        self.variant
            .as_ref()
            .is_none_or(|(names, values)| variant_key(names.split(','), request) == *values)
    }

    /// What requests for the same variant have in common.
    pub fn flight_of(&self, request: &impl Fields) -> Vec<u8> {
        match &self.variant {
            Some((names, _)) => flight(&self.key, &variant_key(names.split(','), request)),
            None => self.key.clone(),
        }
    }
}

/// What requests for a variant have in common: the key for all of them, and the values of the fields in `Vary`.
pub(crate) fn flight(key: &[u8], values: &[u8]) -> Vec<u8> {
    [key, b"\n", values].concat()
}
