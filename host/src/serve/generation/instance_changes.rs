//! What a swap does to each instance: kept, built or retired.

use std::fmt;
use std::sync::Arc;

use super::instance::Instance;

/// The handlers of two stacks, by what the swap does to their instances; in the order of the stacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceChanges {
    /// In both stacks.
    pub kept: Vec<String>,
    /// In the new stack only.
    pub built: Vec<String>,
    /// In the old stack only; they end with it.
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

/// Each name once, with its count.
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
    fn changes_are_shown_with_their_handlers() {
        assert_eq!(
            changes(&["logger", "hello"], &["headers"], &["stamp"]),
            "kept logger, hello; built headers; retired stamp"
        );
    }

    #[test]
    fn empty_changes_are_not_shown() {
        assert_eq!(changes(&["hello"], &[], &[]), "kept hello");
        assert_eq!(
            changes(&[], &["hello"], &["hello"]),
            "built hello; retired hello"
        );
        assert_eq!(changes(&[], &[], &[]), "");
    }

    #[test]
    fn repeated_name_is_counted() {
        let names = ["stamp", "hello", "stamp", "stamp"];
        assert_eq!(changes(&names, &[], &[]), "kept stamp ×3, hello");
    }
}
