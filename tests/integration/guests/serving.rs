//! Requests to a guest, while a process lives and when it dies.

use rustix::process::Pid;
use stackup_tests::{Connection, Host, Site, artifacts, within};

use super::{answer, exists, guest_event, kill, made, manifest, site};

#[tokio::test]
async fn guest_answers_on_a_socket_and_on_a_port() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let (version, pid) = answer(&host, "/").await;
    assert_eq!(version, "1");
    let ready = guest_event(&host, "ready").await;
    assert_eq!(ready.number("pid"), Some(pid.as_raw_nonzero().get() as u64));
    let line = host.message("starting").await;
    assert_eq!(line.text("handler"), "app", "{line}");
    let mut connection = host.connect().await;
    let response = connection.post("/", b"four").await;
    assert_eq!(response.text(), "4 1");
    site.manifest(&manifest("listen = \"port\"\nhost = \"upstream\""));
    host.reload("swapped").await;
    let (_, other) = answer(&host, "/").await;
    let headers = host.get("/headers").await.text();
    assert!(headers.contains("host: localhost\n"), "{headers}");
    assert_ne!(other, pid);
    super::gone(pid).await;
}

#[tokio::test]
async fn guest_sees_the_client_and_not_what_it_says_of_itself() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let mut connection = host.connect().await;
    let head = "GET /headers HTTP/1.1\r\nhost: shop.example\r\nx-forwarded-for: 6.6.6.6\r\nconnection: close\r\n\r\n";
    connection.send(head).await;
    let text = connection.response().await.text();
    assert!(text.contains("x-forwarded-for: 127.0.0.1\n"), "{text}");
    assert!(text.contains("host: shop.example\n"), "{text}");
    assert!(
        !text.contains("6.6.6.6") && !text.contains("connection"),
        "{text}"
    );
}

#[tokio::test]
async fn death_costs_its_own_requests_only() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let (_, first) = answer(&host, "/").await;
    let socket = super::socket(&host).await;
    // It may have been done, so it is not sent again.
    let mut connection = host.connect().await;
    let response = connection.post("/exit", b"x").await;
    assert_eq!(response.status(), 502, "{response}");
    let died = guest_event(&host, "died").await;
    assert!(died.message().contains("exit code 7"), "{died}");
    // This one waits for the next process.
    let (_, second) = answer(&host, "/").await;
    assert_ne!(first, second);
    assert!(!socket.exists(), "the next one has its own");
    let status = site.stackup(&["status"]).await.stdout;
    assert!(status.contains("guest app"), "{status}");
    assert!(status.contains("1 restart"), "{status}");
}

#[tokio::test]
async fn request_that_repeats_nothing_survives_the_death() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let (_, first) = answer(&host, "/").await;
    let waiting = tokio::spawn({
        let address = host.address().to_owned();
        async move { Connection::tcp(&address).await.get("/wait").await }
    });
    made(&site, "app/waiting").await;
    kill(first);
    site.file("app/go", "");
    let response = waiting.await.expect("a response");
    assert_eq!(response.status(), 200, "{response}\n{}", host.log());
    let died = guest_event(&host, "died").await;
    assert!(died.message().contains("ended (SIGKILL"), "{died}");
}

#[tokio::test]
async fn what_a_guest_leaves_behind_dies_with_it() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let child = host.get("/child").await.text();
    let child = child.parse().ok().and_then(Pid::from_raw);
    let child = child.expect("a process");
    assert!(exists(child));
    let (_, guest) = answer(&host, "/").await;
    kill(guest);
    super::gone(child).await;
}

#[tokio::test]
async fn too_large_and_too_old_processes_are_replaced() {
    let Some(site) = site("memory = 90") else {
        return;
    };
    let host = Host::start(&site).await;
    let (_, first) = answer(&host, "/grow").await;
    let worn = guest_event(&host, "worn").await;
    assert!(worn.message().contains("MiB of memory"), "{worn}");
    super::gone(first).await;
    answer(&host, "/").await;
    site.manifest(&manifest("max_age = 0.2"));
    host.reload("swapped").await;
    let worn = guest_event(&host, "worn").await;
    assert!(worn.message().contains("s old"), "{worn}");
    answer(&host, "/").await;
}

#[tokio::test]
async fn process_that_has_lost_its_socket_is_replaced() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    let (_, first) = answer(&host, "/").await;
    std::fs::remove_file(super::socket(&host).await).expect("a file");
    let worn = guest_event(&host, "worn").await;
    assert!(worn.message().contains("has lost its socket"), "{worn}");
    super::gone(first).await;
    assert_ne!(answer(&host, "/").await.1, first);
}

/// Two instances that have the same guest.
fn twice(limits: &str) -> String {
    let run =
        "plugin = \"guest\"\nconfig = { command = [\"python3\", \"../guest.py\"], dir = \"app\" }";
    format!("[limits]\n{limits}\n[run]\n{run}\n[[map]]\npath = \"/other\"\n[map.run]\n{run}\n")
}

/// Has the process of the guest replaced while a request waits on it: the process before, and the request.
async fn replaced(site: &Site, host: &Host) -> (Pid, Connection) {
    let (_, first) = answer(host, "/").await;
    assert_eq!(answer(host, "/other").await.1, first, "they share it");
    let mut waiting = host.connect().await;
    waiting
        .send("GET /wait HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    made(site, "app/waiting").await;
    let status = site.stackup(&["status"]).await.stdout;
    assert!(status.contains(", 1 request in flight\n"), "{status}");
    guest_event(host, "ready").await;
    std::fs::remove_file(super::socket(host).await).expect("a file");
    guest_event(host, "ready").await;
    within("the next process", async {
        while answer(host, "/other").await.1 == first {}
    })
    .await;
    (first, waiting)
}

#[tokio::test]
async fn replaced_process_finishes_its_requests_and_is_stopped_then() {
    let Some(site) = site("") else { return };
    site.manifest(&twice("drain_timeout = \"0s\"\nupgrade_drain = \"1h\""));
    let host = Host::start(&site).await;
    let (first, mut waiting) = replaced(&site, &host).await;
    site.file("app/go", "");
    let response = waiting.response().await;
    assert_eq!(super::parse(&response.text()), ("1".to_owned(), first));
    super::gone(first).await;
}

#[tokio::test]
async fn replaced_process_is_stopped_at_the_deadline() {
    let Some(site) = site("") else { return };
    site.manifest(&twice(
        "drain_timeout = \"100ms\"\nupgrade_drain = \"100ms\"",
    ));
    let host = Host::start(&site).await;
    let (first, _waiting) = replaced(&site, &host).await;
    super::gone(first).await;
}

#[tokio::test]
async fn lines_of_a_guest_are_escaped_and_cut() {
    let Some(site) = site("") else { return };
    let host = Host::start(&site).await;
    answer(&host, "/say").await;
    let red = host.message("said").await;
    assert!(!red.message().contains('\x1b'), "{red}");
    assert!(red.message().contains("[31mred"), "{red}");
    let long = host.message("said y").await;
    assert!((8000..=8192).contains(&long.message().len()), "{long}");
    let rest = host.message("yyy").await;
    assert!(rest.message().chars().all(|char| char == 'y'), "{rest}");
}

#[tokio::test]
async fn guest_has_its_environment_and_not_what_a_service_manager_tells_stackup() {
    let Some(site) = site("env = { OWN = \"mine\" }") else {
        return;
    };
    let mut command = Host::command(artifacts::stackup(), &site, &["-p", "0", "-o", "127.0.0.1"]);
    command
        .env("LISTEN_FDNAMES", "web")
        .env("PORT", "1")
        .env("OTHER", "passed on");
    let mut host = Host::spawn(&mut command);
    host.ready().await;
    let environment = host.get("/environment").await.text();
    let has = |name: &str| environment.lines().any(|line| line.starts_with(name));
    assert!(
        has("OWN=mine") && has("OTHER=passed on") && has("SOCKET=/"),
        "{environment}"
    );
    assert!(!has("LISTEN_FDNAMES=") && !has("PORT="), "{environment}");
}
