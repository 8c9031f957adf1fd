//! Guests that start slowly, badly or never.

use std::time::Duration;

use stackup_tests::{Host, artifacts};

use super::{answer, guest_event, manifest, site};

#[tokio::test]
async fn failed_first_start_ends_stackup_with_the_last_lines() {
    let Some(site) = site("") else { return };
    site.file("app/fail", "");
    let mut host = Host::launch(artifacts::stackup(), &site, &["-p", "0"]);
    let status = host.exited().await;
    assert!(!status.success());
    let log = host.log().to_string();
    assert!(log.contains("boom: no database"), "{log}");
    assert!(log.contains("exit code 3"), "{log}");
}

#[tokio::test]
async fn hang_at_the_start_is_refused_after_the_limit() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let (_, first) = answer(&host, "/").await;
    site.file("app/hang", "");
    site.manifest(&manifest("ready_timeout = 3"));
    let refused = host.reload("refused").await;
    let error = refused.text("error");
    assert!(
        error.contains("did not answer `GET /` within 3s"),
        "{error}"
    );
    assert!(error.contains("starting"), "its last lines: {error}");
    assert_eq!(answer(&host, "/").await.1, first);
}

#[tokio::test]
async fn slow_start_holds_back_the_new_stack_and_no_request() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    site.file("app/hang", "");
    site.file("app/version.txt", "2");
    site.manifest(&manifest("env = { A = \"b\" }"));
    let starting = |record: &stackup_tests::log::Record| record.message() == "starting";
    host.log().take("first start", starting).await;
    host.log().take("second start", starting).await;
    assert_eq!(answer(&host, "/").await.0, "1");
    std::fs::remove_file(site.path().join("app/hang")).expect("a file");
    host.reload("swapped").await;
    assert_eq!(answer(&host, "/").await.0, "2");
}

#[tokio::test]
async fn guest_that_dies_at_each_start_is_started_less_and_less_often() {
    let Some(site) = site("wait = 0.1") else {
        return;
    };
    let host = Host::start(&site).await;
    let (_, first) = answer(&host, "/").await;
    site.file("app/fail", "");
    super::kill(first);
    for _ in 0..4 {
        let failed = guest_event(&host, "failed").await;
        assert!(failed.message().contains("boom"), "{failed}");
    }
    let starts = std::fs::read_to_string(site.path().join("starts")).expect("its starts");
    let starts: Vec<f64> = starts
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect();
    // The one after the death comes at once; the next ones after 0.1, 0.2 and 0.4 seconds.
    assert!(starts[4] - starts[1] > 0.65, "{starts:?}");
    let response = host.get("/").await;
    assert_eq!(response.status(), 503, "{response}");
    std::fs::remove_file(site.path().join("app/fail")).expect("a file");
    guest_event(&host, "ready").await;
    guest_event(&host, "ready").await;
    tokio::time::timeout(Duration::from_secs(20), answer(&host, "/"))
        .await
        .expect("an answer");
}

#[tokio::test]
async fn save_ends_the_wait_for_a_start_that_hangs() {
    let Some(site) = site("") else { return };
    let host = Host::start_in("development", &site).await;
    let (_, first) = answer(&host, "/").await;
    let starting = |record: &stackup_tests::log::Record| record.message() == "starting";
    host.log().take("first start", starting).await;
    site.file("app/stuck", "");
    host.log().take("start that hangs", starting).await;
    assert_eq!(answer(&host, "/").await.1, first);
    site.file("app/version.txt", "2");
    std::fs::remove_file(site.path().join("app/stuck")).expect("a file");
    host.reload("swapped").await;
    assert_eq!(answer(&host, "/").await.0, "2");
}

#[tokio::test]
async fn guests_of_a_stack_start_side_by_side() {
    let Some(site) = site("") else { return };
    let guest = |dir: &str| {
        format!(
            "plugin = \"guest\"\nconfig = {{ command = [\"python3\", \"../guest.py\"], dir = \"{dir}\", ready_timeout = 20 }}\n"
        )
    };
    std::fs::create_dir(site.path().join("other")).expect("a folder");
    for (dir, version) in [("app", "1"), ("other", "2")] {
        site.file(&format!("{dir}/version.txt"), version);
        site.file(&format!("{dir}/meet"), "");
    }
    let (one, other) = (guest("app"), guest("other"));
    site.manifest(&format!(
        "[[map]]\npath = \"/other\"\n[map.run]\n{other}\n[run]\n{one}"
    ));
    let host = Host::start(&site).await;
    assert_eq!(answer(&host, "/").await.0, "1");
    assert_eq!(answer(&host, "/other").await.0, "2");
}

#[tokio::test]
async fn guest_with_a_path_to_ask_is_ready_when_that_succeeds() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    site.file("app/version.txt", "2");
    site.manifest(&manifest("ready = \"/ready\""));
    super::made(&site, "app/asked").await;
    // It is asked again.
    std::fs::remove_file(site.path().join("app/asked")).expect("a file");
    super::made(&site, "app/asked").await;
    assert_eq!(answer(&host, "/").await.0, "1");
    site.file("app/ok", "");
    host.reload("swapped").await;
    assert_eq!(answer(&host, "/").await.0, "2");
}
