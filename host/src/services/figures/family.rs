//! Figures as they are read: families of samples (OpenMetrics 1.0, "Data Model").

use serde::{Deserialize, Serialize};

/// What a family's samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FamilyKind {
    /// A count since some time, which only grows.
    Counter,
    /// A value of now.
    Gauge,
    /// How many values are up to each of some bounds.
    Histogram,
}

/// All samples of one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Family {
    /// Its name, without `_total`.
    pub name: String,
    /// What its samples are.
    pub kind: FamilyKind,
    /// What it measures, for people.
    pub help: String,
    /// One for each set of labels.
    pub samples: Vec<Sample>,
}

/// A value and its labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Names and values.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: SampleValue,
}

/// The value of a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleValue {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Histogram {
        /// Bounds, and how many values are at most so large; without the last one, infinity.
        buckets: Vec<(f64, u64)>,
        /// The sum of all values.
        sum: f64,
        /// Their number.
        count: u64,
    },
}

/// The name of a family, its kind, and what it measures.
pub(super) type Described<'a> = (&'a str, FamilyKind, &'a str);

/// Families, in the order in which they were first named.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Families(Vec<Family>);

impl Families {
    /// Adds a sample to the family of this name.
    pub fn add(&mut self, family: Described<'_>, labels: &[(&str, &str)], value: f64) {
        self.push(family, labels, SampleValue::Number(value));
    }

    /// The same, added to the sample of the same labels if there is one.
    pub fn add_up(&mut self, family: Described<'_>, labels: &[(&str, &str)], value: f64) {
        let families = self.0.iter_mut();
        let samples = families
            .filter(|known| known.name == family.0 && known.kind == family.1)
            .flat_map(|known| &mut known.samples);
        for sample in samples {
            if sample.has(labels)
                && let SampleValue::Number(sum) = &mut sample.value
            {
                *sum += value;
                return;
            }
        }
        self.add(family, labels, value);
    }

    /// Adds a histogram: bounds with the number of values up to each, the sum of all values and their number.
    pub fn add_histogram(
        &mut self,
        (name, help): (&str, &str),
        labels: &[(&str, &str)],
        buckets: Vec<(f64, u64)>,
        sum: f64,
        count: u64,
    ) {
        let value = SampleValue::Histogram {
            buckets,
            sum,
            count,
        };
        self.push((name, FamilyKind::Histogram, help), labels, value);
    }

    /// Adds a sample of any value. A name that a family of another kind has gets its kind at its end, as a name is one
    /// family's.
    pub(super) fn push(
        &mut self,
        (name, kind, help): Described<'_>,
        labels: &[(&str, &str)],
        value: SampleValue,
    ) {
        let labels = labels.iter();
        let sample = Sample {
            labels: labels
                .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()))
                .collect(),
            value,
        };
        let taken = self.0.iter().find(|family| family.name == name);
        let name = match taken {
            Some(family) if family.kind != kind => format!("{name}_{}", kind.name()),
            _ => name.to_owned(),
        };
        match self.0.iter_mut().find(|family| family.name == name) {
            Some(family) => family.samples.push(sample),
            None => self.0.push(Family {
                name,
                kind,
                help: help.to_owned(),
                samples: vec![sample],
            }),
        }
    }

    /// Adds all of `others`, which have other names.
    pub fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Family> {
        self.0.iter()
    }
}

impl Sample {
    fn has(&self, labels: &[(&str, &str)]) -> bool {
        let own = self.labels.iter();
        own.map(|(label, value)| (label.as_str(), value.as_str()))
            .eq(labels.iter().copied())
    }
}

impl FamilyKind {
    /// Its name in both formats.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}
