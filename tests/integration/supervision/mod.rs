//! The supervisor: workers crash, hang and are replaced while `stackup serve` keeps serving.

mod control;
pub(crate) mod crash;
pub(crate) mod full_disk;
mod history;
mod leftovers;
mod links;
mod quarantine;
mod removed_files;
mod renewal;
mod rollback;
mod sockets;
mod stopped;
mod systemd;
mod tree;
mod upgrade;

use stackup_tests::log::Record;
use stackup_tests::patch::patched;
use stackup_tests::site::read;
use stackup_tests::{Connection, Host, Site, artifacts, within};

/// An app whose probation is two requests.
const FAULTY: &str = "run = \"faulty\"\n[failures]\nprobation_requests = 2\n";

/// A library with this code that has this fault in every GET of `/fault`.
fn faulty(code: u64, fault: &str) -> Vec<u8> {
    let library = read(artifacts::plugin("faulty"));
    let code = format!("stackup-faulty-code-{code:08}");
    let fault = format!("stackup-faulty-fault-{fault}@00000000");
    let library = patched(&library, "stackup-faulty-code-00000000", &code);
    patched(&library, "stackup-faulty-fault-none@00000000", &fault)
}

/// A host that serves this code with this fault.
async fn start(manifest: &str, code: u64, fault: &str) -> (Site, Host) {
    let site = Site::new(manifest, &[]);
    site.library("faulty", &faulty(code, fault));
    let host = Host::start(&site).await;
    (site, host)
}

/// Swaps to a library with this code and fault.
async fn swap(site: &Site, host: &Host, code: u64, fault: &str) {
    site.library("faulty", &faulty(code, fault));
    wait_for_reload(host, "swapped").await;
}

/// Waits for a reload with this outcome. The host may report one change twice.
async fn wait_for_reload(host: &Host, outcome: &str) -> Record {
    let ends = |record: &Record| record.event() == "reload" && record.text("outcome") == outcome;
    host.log()
        .take(&format!("reload that is {outcome}"), ends)
        .await
}

/// Sends requests until the retiring worker closes the connection.
async fn wait_for_connection_close(connection: &mut Connection) {
    let closed = async {
        loop {
            let response = connection.get("/").await;
            assert_eq!(response.status(), 200, "{response}");
            if response.header("connection") == Some("close") {
                return;
            }
        }
    };
    within("`connection: close`", closed).await;
    assert!(connection.closes().await);
}

/// Ends the probation of the active stack.
async fn prove(host: &Host) {
    code(host).await;
    code(host).await;
    host.event("proven").await;
}

/// The code of the active stack.
async fn code(host: &Host) -> u64 {
    let response = host.get("/").await;
    let text = response.text();
    let code = text
        .strip_prefix("stackup-faulty-code-")
        .unwrap_or_default();
    let code = code.split(' ').next().unwrap_or_default().parse();
    code.unwrap_or_else(|_| panic!("{response}\nthe log:\n{}", host.log()))
}

/// Crashes the worker, waits until the next one serves, and returns the `crash` event.
async fn crash_worker(host: &Host) -> Record {
    let mut connection = host.connect().await;
    connection
        .send("GET /fault HTTP/1.1\r\nhost: test\r\n\r\n")
        .await;
    assert!(connection.closes().await, "the client gets no response");
    let crash = host.event("crash").await;
    host.next_worker().await;
    crash
}
