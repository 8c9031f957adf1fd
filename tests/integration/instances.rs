//! Instances that are kept across swaps with their state, and when others are dropped.

use rustix::process::Signal;
use stackup_tests::log::Record;
use stackup_tests::{Connection, Host, Site};

/// A manifest with these lines, then stamps with these marks around `probe`.
fn manifest(lines: &str, marks: &[&str]) -> String {
    let stamp = |mark: &&str| format!("[[use]]\nplugin = \"stamp\"\nconfig.mark = \"{mark}\"\n");
    let stamps: String = marks.iter().map(stamp).collect();
    format!("{lines}{stamps}[run]\nplugin = \"probe\"\n")
}

async fn serving(manifest: &str) -> (Site, Host) {
    let site = Site::new(manifest, &["stamp", "probe", "bad-init", "hello"]);
    let host = Host::start(&site).await;
    (site, host)
}

/// The changes of instances in the swap to this manifest.
async fn instance_changes(site: &Site, host: &Host, manifest: &str) -> String {
    site.manifest(manifest);
    // The host may report the change before this one twice, and refuse it twice.
    let swapped =
        |record: &Record| record.event() == "reload" && record.text("outcome") == "swapped";
    let record = host.log().take("swap", swapped).await;
    record.text("instances").to_owned()
}

/// The next reload that finds a change, which must have this outcome.
async fn reload(host: &Host, outcome: &str) -> Record {
    let log = host.log();
    let unchanged =
        |record: &Record| record.event() == "reload" && record.text("outcome") == "unchanged";
    let ends = |record: &Record| record.event() == "reload" && !unchanged(record);
    let record = log.take("reload", ends).await;
    assert_eq!(record.text("outcome"), outcome, "{record}");
    record
}

/// How many requests each stamp has counted, innermost first.
async fn request_counts(host: &Host) -> String {
    let response = host.get("/").await;
    assert_eq!(response.status(), 200, "{response}");
    response.head.all("x-seen").collect::<Vec<_>>().join(" ")
}

/// How often the log contains this text so far.
fn log_count(host: &Host, text: &str) -> usize {
    host.log().to_string().matches(text).count()
}

/// A request below `map` that waits for the rest of its body.
pub(crate) async fn half_a_request(host: &Host, map: &str) -> Connection {
    let mut connection = host.connect().await;
    let head = format!("POST {map}/length HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf");
    connection.send(head).await;
    host.message("probe: reading").await;
    connection
}

/// Sends the rest, and checks the response.
pub(crate) async fn the_other_half(mut connection: Connection, generation: &str) {
    connection.send("half").await;
    let response = connection.response().await;
    assert_eq!((response.status(), &*response.text()), (200, "8"));
    assert_eq!(response.header("x-stackup-generation"), Some(generation));
}

#[tokio::test]
async fn reordering_initialises_nothing() {
    let (site, host) = serving(&manifest("", &["a", "b"])).await;
    assert_eq!(request_counts(&host).await, "b1 a1");
    let fates = instance_changes(&site, &host, &manifest("", &["b", "a"])).await;
    assert_eq!(fates, "kept stamp ×2, probe");
    assert_eq!(request_counts(&host).await, "a2 b2");
    let drained = host.event("drained").await;
    assert_eq!(drained.number("generation"), Some(1));
    assert_eq!(request_counts(&host).await, "a3 b3");
    assert_eq!(log_count(&host, "stamp: built"), 2);
    assert_eq!(
        log_count(&host, "stamp: dropped") + log_count(&host, "probe: dropped"),
        0
    );
}

#[tokio::test]
async fn edit_keeps_untouched_instances() {
    let (site, host) = serving(&manifest("", &["a", "b"])).await;
    assert_eq!(request_counts(&host).await, "b1 a1");
    let limits = "[limits]\ndrain_timeout = \"9s\"\n";
    let same = instance_changes(&site, &host, &manifest(limits, &["a", "b"])).await;
    assert_eq!(same, "kept stamp ×2, probe");
    assert_eq!(request_counts(&host).await, "b2 a2");
    let config = instance_changes(&site, &host, &manifest(limits, &["a", "c"])).await;
    assert_eq!(config, "kept stamp, probe; built stamp; retired stamp");
    assert_eq!(request_counts(&host).await, "c1 a3");
    host.message("stamp: dropped b").await;
    let more = instance_changes(&site, &host, &manifest(limits, &["a", "a", "c"])).await;
    assert_eq!(more, "kept stamp ×2, probe; built stamp");
    // Of two equal ones, the first is the kept one.
    assert_eq!(request_counts(&host).await, "c2 a1 a4");
    assert_eq!(log_count(&host, "stamp: built"), 4);
}

#[tokio::test]
async fn instance_moved_into_map_is_kept() {
    let (site, host) = serving(&manifest("", &["a"])).await;
    assert_eq!(request_counts(&host).await, "a1");
    let inside = "run = \"hello\"\n[[map]]\npath = \"/probe\"\n\
                  [[map.use]]\nplugin = \"stamp\"\nconfig.mark = \"a\"\n[map.run]\nplugin = \"probe\"\n";
    assert_eq!(
        instance_changes(&site, &host, inside).await,
        "kept stamp, probe; built hello"
    );
    let response = host.get("/probe").await;
    assert_eq!(response.header("x-seen"), Some("a2"), "{response}");
}

#[tokio::test]
async fn task_ends_with_its_handler() {
    let (site, host) = serving(&manifest("", &["a"])).await;
    assert_eq!(host.get("/task").await.status(), 202);
    host.message("probe: a task waits").await;
    instance_changes(&site, &host, &manifest("", &["b"])).await;
    let first = host.event("drained").await;
    assert_eq!(first.text("tasks_ended"), "", "{first}");
    assert_eq!(log_count(&host, "probe: dropped"), 0);
    instance_changes(&site, &host, "run = \"hello\"\n").await;
    let second = host.event("drained").await;
    assert_eq!(second.text("tasks_ended"), "probe: waits forever");
    host.message("probe: dropped the task").await;
    host.message("probe: dropped the app").await;
}

#[tokio::test]
async fn shared_instance_is_dropped_once_after_last_generation() {
    let (site, host) = serving(&manifest("", &["a"])).await;
    let first = half_a_request(&host, "").await;
    instance_changes(&site, &host, &manifest("", &["b"])).await;
    let second = half_a_request(&host, "").await;
    instance_changes(&site, &host, &manifest("", &["c"])).await;
    let third = half_a_request(&host, "").await;
    let last = instance_changes(&site, &host, "run = \"hello\"\n").await;
    assert_eq!(last, "built hello; retired stamp, probe");
    // The middle one is dropped first, and the oldest last.
    for (connection, generation) in [(second, 2), (third, 3), (first, 1)] {
        assert_eq!(log_count(&host, "probe: dropped the app"), 0);
        the_other_half(connection, &generation.to_string()).await;
        let drained = host.event("drained").await;
        assert_eq!(drained.number("generation"), Some(generation));
    }
    host.message("probe: dropped the app").await;
    assert_eq!(host.get("/").await.text(), "Hello, World!\n");
    assert_eq!(log_count(&host, "probe: dropped the app"), 1);
    assert_eq!(log_count(&host, "stamp: dropped"), 3);
}

#[tokio::test]
async fn failed_candidate_keeps_instances() {
    let (site, host) = serving(&manifest("", &["a"])).await;
    assert_eq!(host.get("/task").await.status(), 202);
    host.message("probe: a task waits").await;
    // `x` is built, then the app's `init` fails.
    let stamps = manifest("", &["a", "x"]);
    let init = stamps.replace("\"probe\"", "\"bad-init\"\nconfig.how = \"error\"");
    site.manifest(&init);
    reload(&host, "refused").await;
    host.message("stamp: dropped x").await;
    assert_eq!(request_counts(&host).await, "a2");
    // The stack is built, but its warmup fails: only the last layer is new.
    site.manifest(&manifest(
        "warmup = [\"/wait\"]\n[limits]\nwarmup_timeout = \"1s\"\n",
        &["y", "a"],
    ));
    reload(&host, "refused").await;
    host.message("stamp: dropped y").await;
    assert_eq!(
        log_count(&host, "probe: dropped the task") + log_count(&host, "stamp: dropped a"),
        0
    );
    let fates = instance_changes(&site, &host, &manifest("", &["z", "a"])).await;
    assert_eq!(fates, "kept stamp, probe; built stamp");
    // It may have been warmed up twice, but it is the same instance.
    assert!(request_counts(&host).await.ends_with(" z1"));
    assert_eq!(log_count(&host, "stamp: built a"), 1);
}

#[tokio::test]
async fn sighup_rebuilds_every_instance() {
    let (_site, host) = serving(&manifest("", &["a"])).await;
    assert_eq!(request_counts(&host).await, "a1");
    host.signal(Signal::HUP);
    let reload = reload(&host, "swapped").await;
    assert_eq!(
        reload.text("instances"),
        "built stamp, probe; retired stamp, probe"
    );
    assert_eq!(request_counts(&host).await, "a1");
    host.message("stamp: dropped a").await;
}
