//! Families as text: OpenMetrics 1.0, and the format that Prometheus read before (0.0.4).

use std::fmt::Write;

use super::family::{Families, Family, FamilyKind, Sample, SampleValue};

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsFormat {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4.
    Prometheus,
}

/// The families as text.
pub fn metrics_text(families: &Families, format: MetricsFormat) -> String {
    let mut text = Text {
        out: String::new(),
        format,
    };
    for family in families.iter() {
        text.family(family);
    }
    if format == MetricsFormat::OpenMetrics {
        text.out.push_str("# EOF\n");
    }
    text.out
}

struct Text {
    out: String,
    format: MetricsFormat,
}

impl Text {
    fn family(&mut self, family: &Family) {
        let Family { name, kind, .. } = family;
        // In OpenMetrics `_total` is a part of the sample's name, not of the family's.
        let described = match (kind, self.format) {
            (FamilyKind::Counter, MetricsFormat::Prometheus) => format!("{name}_total"),
            _ => name.clone(),
        };
        self.line(format_args!("# TYPE {described} {}", kind.name()));
        let help = self.escape_help(&family.help);
        self.line(format_args!("# HELP {described} {help}"));
        for sample in &family.samples {
            self.sample(name, *kind, sample);
        }
    }

    fn sample(&mut self, name: &str, kind: FamilyKind, sample: &Sample) {
        let labels = labels(sample);
        match &sample.value {
            SampleValue::Number(value) => {
                let suffix = match kind {
                    FamilyKind::Counter => "_total",
                    FamilyKind::Gauge | FamilyKind::Histogram => "",
                };
                self.line(format_args!("{name}{suffix}{} {value}", braced(&labels)));
            }
            SampleValue::Histogram {
                buckets,
                sum,
                count,
            } => {
                let mut bucket = |bound: &dyn std::fmt::Display, count: u64| {
                    let comma = if labels.is_empty() { "" } else { "," };
                    self.line(format_args!(
                        "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"
                    ));
                };
                for (bound, count) in buckets {
                    bucket(bound, *count);
                }
                bucket(&"+Inf", *count);
                let labels = braced(&labels);
                self.line(format_args!("{name}_sum{labels} {sum}"));
                self.line(format_args!("{name}_count{labels} {count}"));
            }
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // A string takes whatever is written.
        let _ = writeln!(self.out, "{line}");
    }

    /// Only OpenMetrics escapes quotes here.
    fn escape_help(&self, text: &str) -> String {
        match self.format {
            MetricsFormat::OpenMetrics => escape(text),
            MetricsFormat::Prometheus => text.replace('\\', r"\\").replace('\n', r"\n"),
        }
    }
}

fn labels(sample: &Sample) -> String {
    let labels = sample.labels.iter();
    let labels: Vec<_> = labels
        .map(|(label, value)| format!("{label}=\"{}\"", escape(value)))
        .collect();
    labels.join(",")
}

fn braced(labels: &str) -> String {
    match labels {
        "" => String::new(),
        labels => format!("{{{labels}}}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('\n', r"\n")
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
