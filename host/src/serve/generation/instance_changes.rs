//! What a swap meant for each handler: kept, built or retired.

use std::fmt;
use std::sync::Arc;

use super::instance::Instance;

/// The handlers of two stacks by what became of them, in the order of their stacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceChanges {
    /// Those that serve in the old stack and in the new one.
    pub kept: Vec<String>,
    /// Those that are new.
    pub built: Vec<String>,
    /// Those that serve in the old one alone, and end with it.
    pub retired: Vec<String>,
}

impl InstanceChanges {
    /// Compares the instances of two stacks.
    pub(super) fn of(old: &[Arc<Instance>], new: &[Arc<Instance>]) -> Self {
        let has = |all: &[Arc<Instance>], one| all.iter().any(|other| Arc::ptr_eq(other, one));
        let names = |all: Vec<&Arc<Instance>>| {
            let names = all.iter().map(|instance| instance.key.name.clone());
            names.collect()
        };
        let (kept, built) = new.iter().partition(|instance| has(old, instance));
        let retired = old.iter().filter(|instance| !has(new, instance));
        Self {
            kept: names(kept),
            built: names(built),
            retired: names(retired.collect()),
        }
    }
}

impl fmt::Display for InstanceChanges {
    /// `kept logger, hello; built stamp ×3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("kept", &self.kept),
            ("built", &self.built),
            ("retired", &self.retired),
        ];
        let mut separator = "";
        for (what, names) in parts.iter().filter(|(_, names)| !names.is_empty()) {
            write!(f, "{separator}{what} {}", counted(names))?;
            separator = "; ";
        }
        Ok(())
    }
}

/// Each name once, with how often it is there.
fn counted(names: &[String]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for name in names {
        match counts.iter_mut().find(|(known, _)| known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    let shown = counts.iter().map(|(name, count)| match count {
        1 => (*name).to_owned(),
        _ => format!("{name} ×{count}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(kept: &[&str], built: &[&str], retired: &[&str]) -> String {
        let [kept, built, retired] = [kept, built, retired]
            .map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        InstanceChanges {
            kept,
            built,
            retired,
        }
        .to_string()
    }

    #[test]
    fn each_fate_is_told_with_its_handlers() {
        assert_eq!(
            changes(&["logger", "hello"], &["headers"], &["stamp"]),
            "kept logger, hello; built headers; retired stamp"
        );
    }

    #[test]
    fn what_did_not_happen_is_not_told() {
        assert_eq!(changes(&["hello"], &[], &[]), "kept hello");
        assert_eq!(
            changes(&[], &["hello"], &["hello"]),
            "built hello; retired hello"
        );
        assert_eq!(changes(&[], &[], &[]), "");
    }

    #[test]
    fn a_name_is_told_once() {
        let names = ["stamp", "hello", "stamp", "stamp"];
        assert_eq!(changes(&names, &[], &[]), "kept stamp ×3, hello");
    }
}
