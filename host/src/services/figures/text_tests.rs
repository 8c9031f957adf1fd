use super::super::family::FamilyKind::{Counter, Gauge, Histogram};
use super::*;

fn families() -> Families {
    let mut families = Families::default();
    let requests = ("a_requests", Counter, "Requests \"of\" a\\b\nsite");
    families.add(requests, &[("class", "2xx")], 1234.0);
    families.add(requests, &[("class", "5xx"), ("path", "\"\\\n")], 0.0);
    families.add(("a_age_seconds", Gauge, "Age"), &[], 0.25);
    let value = SampleValue::Histogram {
        buckets: vec![(0.000001024, 1), (17.179869184, 3)],
        sum: 20.5,
        count: 4,
    };
    families.push(("a_seconds", Histogram, "Time"), &[], value.clone());
    families.push(("b_seconds", Histogram, "Time"), &[("a", "b")], value);
    // Another plugin's, of another kind.
    families.add(("a_age_seconds", Counter, "Ages"), &[], 1.0);
    families
}

#[test]
fn open_metrics_text() {
    let text = metrics_text(&families(), MetricsFormat::OpenMetrics);
    let expected = r#"# TYPE a_requests counter
# HELP a_requests Requests \"of\" a\\b\nsite
a_requests_total{class="2xx"} 1234
a_requests_total{class="5xx",path="\"\\\n"} 0
# TYPE a_age_seconds gauge
# HELP a_age_seconds Age
a_age_seconds 0.25
# TYPE a_seconds histogram
# HELP a_seconds Time
a_seconds_bucket{le="0.000001024"} 1
a_seconds_bucket{le="17.179869184"} 3
a_seconds_bucket{le="+Inf"} 4
a_seconds_sum 20.5
a_seconds_count 4
# TYPE b_seconds histogram
# HELP b_seconds Time
b_seconds_bucket{a="b",le="0.000001024"} 1
b_seconds_bucket{a="b",le="17.179869184"} 3
b_seconds_bucket{a="b",le="+Inf"} 4
b_seconds_sum{a="b"} 20.5
b_seconds_count{a="b"} 4
# TYPE a_age_seconds_counter counter
# HELP a_age_seconds_counter Ages
a_age_seconds_counter_total 1
# EOF
"#;
    assert_eq!(text, expected);
}

#[test]
fn prometheus_text_names_counters_as_their_samples_and_escapes_less_help() {
    let text = metrics_text(&families(), MetricsFormat::Prometheus);
    let expected = r#"# TYPE a_requests_total counter
# HELP a_requests_total Requests "of" a\\b\nsite
a_requests_total{class="2xx"} 1234
"#;
    assert!(text.starts_with(expected), "{text}");
    assert!(!text.contains("EOF"));
}
