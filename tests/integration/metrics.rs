//! `[metrics]`: what the host counts, `stackup metrics`, and the plugin `metrics`.

use std::io::Write;
use std::process::{Command, Stdio};

use stackup_tests::{Host, Site, print_skipped};

const MANIFEST: &str = r#"
use = ["runtime"]
run = "answers"
[metrics]
layers = true
[[map]]
path = "/metrics"
run = "metrics"
"#;

const PLUGINS: [&str; 3] = ["runtime", "answers", "metrics"];

/// The figures of one reading.
struct Figures(String);

impl Figures {
    async fn of(site: &Site) -> Self {
        let told = site.stackup(&["metrics"]).await;
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(told.stdout.ends_with("# EOF\n"), "{told:?}");
        Self(told.stdout)
    }

    /// The value of a sample: its name and labels.
    fn get(&self, sample: &str) -> Option<f64> {
        let mut lines = self.0.lines();
        let line = lines.find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))?;
        Some(line.parse().expect("a number"))
    }

    #[track_caller]
    fn assert(&self, expected: &[(&str, f64)]) {
        for (sample, value) in expected {
            assert_eq!(self.get(sample), Some(*value), "{sample}\n{}", self.0);
        }
    }
}

#[tokio::test]
async fn top_shows_what_happens_between_two_readings() {
    let site = Site::new(MANIFEST, &PLUGINS);
    let host = Host::start(&site).await;
    // What came before is not shown.
    host.get("/?fail=it").await;
    let top = async |arguments: &[&str]| {
        let arguments = [&["top", "--interval", "0.3"], arguments].concat();
        tokio::select! {
            said = site.stackup(&arguments) => said,
            () = async { loop { host.get("/?status=404").await; } } => unreachable!(),
        }
    };
    let page = top(&["--json"]).await;
    assert_eq!(page.code, Some(0), "{page:?}");
    let page: serde_json::Value = serde_json::from_str(&page.stdout).expect("JSON");
    let rate = page["requests"]["rate"].as_f64().expect("a rate");
    assert!(rate > 0.0, "{page}");
    assert_eq!(page["requests"]["client_errors"], rate, "{page}");
    assert_eq!(page["requests"]["server_errors"], 0.0, "{page}");
    let directives = [0, 1, 2].map(|n| page["layers"][n]["directive"].as_str());
    let expected = ["map /metrics > run metrics", "run answers", "use runtime"].map(Some);
    assert_eq!(directives, expected, "{page}");
    assert!(page["layers"][1]["own_p99"].as_f64() > Some(0.0), "{page}");
    assert_eq!(page["layers"][0]["rate"], 0.0, "{page}");

    let page = top(&["--once"]).await;
    assert!(page.stdout.contains("\nrequests  "), "{page:?}");
    let live = site.stackup(&["top"]).await;
    assert_eq!(live.code, Some(1), "{live:?}");
    assert!(live.stderr.contains("`stackup top --once`"), "{live:?}");
    let never = site.stackup(&["top", "--interval", "0"]).await;
    assert!(never.stderr.contains("from 0.1 to 3600"), "{never:?}");
}

#[tokio::test]
async fn requests_and_layers_are_counted_and_timed() {
    let site = Site::new(MANIFEST, &PLUGINS);
    let host = Host::start(&site).await;
    for path in ["/", "/?status=404", "/?bytes=1000", "/?stream=abc&stream=d"] {
        host.get(path).await;
    }
    for path in ["/?fail=it", "/?panic=boom"] {
        assert_eq!(host.get(path).await.status(), 500);
    }
    let mut connection = host.connect().await;
    connection.post("/?show=env", b"12345").await;
    connection
        .send("HEAD /?bytes=5000 HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert_eq!(connection.head().await.status, 200);
    let figures = Figures::of(&site).await;
    figures.assert(&[
        ("stackup_requests_total{class=\"2xx\"}", 5.0),
        ("stackup_requests_total{class=\"4xx\"}", 1.0),
        ("stackup_requests_total{class=\"5xx\"}", 2.0),
        ("stackup_requests_in_flight", 0.0),
        ("stackup_request_failures_total", 2.0),
        ("stackup_request_panics_total", 1.0),
        ("stackup_request_duration_seconds_count", 8.0),
        ("stackup_request_body_bytes_total", 5.0),
        ("stackup_generation", 1.0),
        ("stackup_build_info{version=\"0.1.0\"}", 1.0),
        ("stackup_worker_crashes_total", 0.0),
        ("stackup_store_up{engine=\"memory\"}", 1.0),
        ("stackup_handler_panics_total{handler=\"answers\"}", 1.0),
        ("stackup_handler_panics_total{handler=\"runtime\"}", 0.0),
    ]);
    // The body of the POST is shown with the env.
    let sent = figures.get("stackup_response_body_bytes_total");
    assert!(sent > Some(1004.0) && sent < Some(3000.0), "{sent:?}");
    let answers = "directive=\"run answers\",handler=\"answers\"";
    let runtime = "directive=\"use runtime\",handler=\"runtime\"";
    let of = |name: &str, labels: &str, more: &str| {
        let sample = format!("stackup_layer_{name}{{{labels}{more}}}");
        figures.get(&sample).unwrap_or_else(|| panic!("{sample}"))
    };
    for labels in [answers, runtime] {
        assert_eq!(of("requests_total", labels, ",class=\"2xx\""), 5.0);
        assert_eq!(of("requests_total", labels, ",class=\"5xx\""), 2.0);
    }
    // The one above only passes them on.
    let own = |labels| ["failures_total", "panics_total"].map(|name| of(name, labels, ""));
    assert_eq!((own(answers), own(runtime)), ([2.0, 1.0], [0.0, 0.0]));
    let sum = |name: &str, labels: &str| of(&format!("{name}_seconds_sum"), labels, "");
    let (below, above) = (sum("duration", answers), sum("duration", runtime));
    assert_eq!(below, sum("own_duration", answers));
    let own = sum("own_duration", runtime);
    // Each is rounded to a nanosecond.
    assert!((above - below - own).abs() < 1e-7, "{above} {below} {own}");
    assert!(own > 0.0);
    // A map has a name of its own, and the figures are those of the command.
    let text = host.get("/metrics").await.text();
    let unused = "directive=\"map /metrics > run metrics\",handler=\"metrics\"";
    let sample = format!("stackup_layer_requests_total{{{unused},class=\"2xx\"}} 0\n");
    assert!(text.contains(&sample), "{text}");
    assert!(text.contains("stackup_requests_in_flight 1\n"), "{text}");
}

#[tokio::test]
async fn counts_go_on_over_a_reload_and_begin_anew_with_a_worker() {
    let site = Site::new(MANIFEST, &PLUGINS);
    let host = Host::start(&site).await;
    host.get("/").await;
    let layer =
        "stackup_layer_requests_total{directive=\"run answers\",handler=\"answers\",class=\"2xx\"}";
    // Without `[metrics]` nothing is measured, and a layer without a stack has no figures.
    let off = MANIFEST.replace("[metrics]\nlayers = true\n", "");
    site.manifest(&off);
    host.reload("swapped").await;
    host.event("drained").await;
    host.get("/").await;
    let figures = Figures::of(&site).await;
    figures.assert(&[
        ("stackup_requests_total{class=\"2xx\"}", 1.0),
        ("stackup_generation", 2.0),
        ("stackup_reloads_total{outcome=\"swapped\",stage=\"\"}", 1.0),
    ]);
    assert_eq!(figures.get(layer), None);
    site.manifest(MANIFEST);
    host.reload("swapped").await;
    host.get("/").await;
    site.manifest("run = \"missing\"");
    host.reload("refused").await;
    // `runtime` has another position, `answers` the same name.
    site.manifest(&MANIFEST.replace("use = [\"runtime\"]", "use = []"));
    host.reload("swapped").await;
    host.get("/").await;
    let figures = Figures::of(&site).await;
    figures.assert(&[
        ("stackup_requests_total{class=\"2xx\"}", 3.0),
        (layer, 2.0),
        ("stackup_reloads_total{outcome=\"swapped\",stage=\"\"}", 3.0),
        (
            "stackup_reloads_total{outcome=\"refused\",stage=\"find\"}",
            1.0,
        ),
    ]);
    let told = site.stackup(&["restart"]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    host.get("/").await;
    let figures = Figures::of(&site).await;
    figures.assert(&[
        ("stackup_requests_total{class=\"2xx\"}", 1.0),
        (layer, 1.0),
        ("stackup_worker_renewals_total", 1.0),
    ]);
}

#[tokio::test]
async fn figures_of_plugins_go_on_over_a_reload() {
    let site = Site::new("run = \"probe\"\n", &["probe"]);
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    for body in [&b"12345"[..], b"123456"] {
        connection.post("/length", body).await;
    }
    let told = site.stackup(&["reload", "--fresh"]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    connection.post("/length", &[b'x'; 101]).await;
    let figures = Figures::of(&site).await;
    let labels = "handler=\"probe\",read=\"whole\"";
    let of = |name: &str, more: &str| {
        figures.get(&format!(
            "stackup_plugin_probe_body_bytes_{name}{{{labels}{more}}}"
        ))
    };
    assert_eq!(of("bucket", ",le=\"5\""), Some(1.0));
    assert_eq!(of("bucket", ",le=\"100\""), Some(2.0));
    assert_eq!(of("bucket", ",le=\"+Inf\""), Some(3.0));
    assert_eq!((of("count", ""), of("sum", "")), (Some(3.0), Some(112.0)));
    figures.assert(&[("stackup_plugin_probe_last_bytes{handler=\"probe\"}", 101.0)]);
}

#[tokio::test]
async fn scrapers_read_both_formats() {
    let site = Site::new(MANIFEST, &PLUGINS);
    let host = Host::start(&site).await;
    host.get("/?fail=it").await;
    let formats = [
        (
            "application/openmetrics-text;version=1.0.0",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "openmetrics.parser",
        ),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", "parser"),
    ];
    for (accept, content_type, parser) in formats {
        let mut connection = host.connect().await;
        let request = format!("GET /metrics HTTP/1.1\r\nhost: test\r\naccept: {accept}\r\n\r\n");
        connection.send(&request).await;
        let response = connection.response().await;
        assert_eq!(response.header("content-type"), Some(content_type));
        parse(parser, &response.text());
    }
    parse("openmetrics.parser", &Figures::of(&site).await.0);
    let told = site.stackup(&["metrics", "--json"]).await;
    let families: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
    assert_eq!(families[0]["name"], "stackup_build_info");
}

/// Has Prometheus' own parser for Python read the text.
fn parse(parser: &str, text: &str) {
    let python = |code: &str, input: &str| {
        let mut child = Command::new("/usr/bin/python3")
            .args(["-c", code])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut stdin = child.stdin.take()?;
        stdin.write_all(input.as_bytes()).ok()?;
        drop(stdin);
        let output = child.wait_with_output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    if python("import prometheus_client", "").is_none() {
        print_skipped("python3-prometheus-client is not installed");
        return;
    }
    let code = format!(
        "import sys\n\
         from prometheus_client.{parser} import text_string_to_metric_families as families\n\
         print(*sorted(family.name for family in families(sys.stdin.read())))"
    );
    let names = python(&code, text).unwrap_or_else(|| panic!("{parser} refuses:\n{text}"));
    for name in [
        "stackup_requests",
        "stackup_layer_own_duration_seconds",
        "stackup_connections",
    ] {
        let has = names.split_whitespace().any(|found| found == name);
        assert!(has, "{name}: {names}");
    }
}
