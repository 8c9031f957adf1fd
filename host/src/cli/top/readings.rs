//! The figures of one moment, and what has changed since an earlier one.

use std::collections::BTreeMap;

use crate::services::{Families, SampleValue};

/// A sample's family and labels.
type Name = (String, Vec<(String, String)>);

/// All figures of one moment.
#[derive(Debug, Default)]
pub(super) struct Readings {
    numbers: BTreeMap<Name, f64>,
    histograms: BTreeMap<Name, Counts>,
}

/// How many values are up to each bound, and their number.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counts {
    buckets: Vec<(f64, u64)>,
    count: u64,
}

impl Readings {
    pub(super) fn of(families: &Families) -> Self {
        let mut readings = Self::default();
        for family in families.iter() {
            for sample in &family.samples {
                let name = (family.name.clone(), sample.labels.clone());
                match &sample.value {
                    SampleValue::Number(number) => drop(readings.numbers.insert(name, *number)),
                    SampleValue::Histogram { buckets, count, .. } => {
                        let (buckets, count) = (buckets.clone(), *count);
                        readings.histograms.insert(name, Counts { buckets, count });
                    }
                }
            }
        }
        readings
    }

    /// The sum of the samples of `family` that have these labels among theirs; none if there are none.
    pub(super) fn sum(&self, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let samples = self.numbers.iter();
        let samples = samples.filter(|((name, own), _)| name == family && has_all(own, labels));
        samples
            .map(|(_, number)| *number)
            .reduce(|sum, one| sum + one)
    }

    /// By how much that has grown since `before`. A count that is lower now has begun anew.
    pub(super) fn growth(&self, before: &Self, family: &str, labels: &[(&str, &str)]) -> f64 {
        let samples = self.numbers.iter();
        let samples = samples.filter(|((name, own), _)| name == family && has_all(own, labels));
        let growth = samples.map(|(name, now)| match before.numbers.get(name) {
            Some(then) if then <= now => now - then,
            _ => *now,
        });
        growth.sum()
    }

    /// The values that a histogram has counted since `before`.
    pub(super) fn counted(
        &self,
        before: &Self,
        family: &str,
        labels: &[(String, String)],
    ) -> Counts {
        let name = (family.to_owned(), labels.to_vec());
        let now = self.histograms.get(&name).cloned().unwrap_or_default();
        match before.histograms.get(&name) {
            Some(then) => now.without(then),
            None => now,
        }
    }

    /// The labels of each histogram of `family`.
    pub(super) fn labels_of(&self, family: &str) -> impl Iterator<Item = &Vec<(String, String)>> {
        let names = self.histograms.keys();
        names.filter_map(move |(name, labels)| (name == family).then_some(labels))
    }
}

fn has_all(own: &[(String, String)], wanted: &[(&str, &str)]) -> bool {
    let has = |(label, value): &(&str, &str)| own.iter().any(|(l, v)| l == label && v == value);
    wanted.iter().all(has)
}

impl Counts {
    fn without(self, then: &Self) -> Self {
        if then.count > self.count || then.buckets.len() != self.buckets.len() {
            return self;
        }
        let buckets = self.buckets.iter().zip(&then.buckets);
        Self {
            buckets: buckets
                .map(|((bound, now), (_, then))| (*bound, now.saturating_sub(*then)))
                .collect(),
            count: self.count - then.count,
        }
    }

    /// The value that this share of all is at most, estimated within its bucket; infinite beyond the last bound, none without
    /// values.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let wanted = share * self.count as f64;
        let (mut low, mut below) = (0.0, 0);
        for (bound, up_to) in &self.buckets {
            if *up_to as f64 >= wanted && *up_to > below {
                // Bounds grow by a factor, so values are spread by it, too.
                let low = if low > 0.0 { low } else { bound / 2.0 };
                let part = (wanted - below as f64).max(0.0) / (up_to - below) as f64;
                return Some(low * (bound / low).powf(part));
            }
            (low, below) = (*bound, *up_to);
        }
        Some(f64::INFINITY)
    }
}

#[cfg(test)]
mod tests {
    use crate::services::FamilyKind::{Counter, Gauge};

    use super::*;

    fn readings(ok: f64, failed: f64, times: (Vec<(f64, u64)>, u64)) -> Readings {
        let mut families = Families::default();
        families.add(("requests", Counter, ""), &[("class", "2xx")], ok);
        families.add(("requests", Counter, ""), &[("class", "5xx")], failed);
        families.add(("memory", Gauge, ""), &[], 5.0);
        families.add_histogram(("time", ""), &[("at", "use a")], times.0, 0.0, times.1);
        Readings::of(&families)
    }

    #[test]
    fn counts_grow_and_may_begin_anew() {
        let before = readings(10.0, 3.0, (vec![(1.0, 4), (2.0, 6)], 6));
        let after = readings(15.0, 1.0, (vec![(1.0, 4), (2.0, 10)], 11));
        assert_eq!(after.growth(&before, "requests", &[]), 6.0);
        assert_eq!(after.growth(&before, "requests", &[("class", "2xx")]), 5.0);
        assert_eq!(after.sum("requests", &[]), Some(16.0));
        assert_eq!(after.sum("other", &[]), None);
        let labels = after.labels_of("time").next().cloned().unwrap();
        let counted = after.counted(&before, "time", &labels);
        let expected = Counts {
            buckets: vec![(1.0, 0), (2.0, 4)],
            count: 5,
        };
        assert_eq!(counted, expected);
        // A new worker.
        assert_eq!(before.counted(&after, "time", &labels).count, 6);
    }

    #[test]
    fn quantile_is_within_its_bucket() {
        let counts = Counts {
            buckets: vec![(1.0, 50), (2.0, 90), (4.0, 90), (8.0, 99)],
            count: 100,
        };
        assert_eq!(counts.quantile(0.5), Some(1.0));
        assert_eq!(counts.quantile(0.9), Some(2.0));
        let p95 = counts.quantile(0.95).unwrap();
        assert!(4.0 < p95 && p95 < 8.0, "{p95}");
        assert_eq!(counts.quantile(1.0), Some(f64::INFINITY));
        assert_eq!(Counts::default().quantile(0.5), None);
    }
}
