//! Reloads inside axum, under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stackup_tests::marks::{self, Mark};
use stackup_tests::site::read;
use stackup_tests::{Connection, artifacts, within};

use super::axum::site;
use super::program::Program;

/// Each reload changes the app's code, its config, or the layer around all requests.
const RELOADS: u64 = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_of_both_stacks_lose_no_request() {
    let library = read(artifacts::plugin("marked"));
    let around = |loggers| format!("use = [{}]\n", "\"logger\", ".repeat(loggers));
    let site = site(&marks::manifest(3, 0), &around(1), &["logger"]);
    site.library("marked", &marks::with_code(&library, 0));
    let program = Program::start("embed-axum", &site).await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = |is_axum: bool| {
        let (address, stop) = (program.address().to_owned(), Arc::clone(&stop));
        tokio::spawn(async move {
            let (mut requests, mut last) = (0_u64, None);
            while !stop.load(Ordering::SeqCst) {
                // A new connection now and then, or new generations would only meet old ones.
                let mut connection = Connection::tcp(&address).await;
                for _ in 0..20 {
                    if is_axum {
                        let response = connection.get("/axum").await;
                        assert_eq!(response.text(), "hello from axum\n", "{response}");
                    } else {
                        let mark = Mark::check(&connection.get("/").await, false);
                        let mark = mark.expect("one whole generation");
                        assert!(Some(mark) >= last, "{mark:?} after {last:?}");
                        last = Some(mark);
                    }
                    requests += 1;
                }
            }
            requests
        })
    };
    let (axum, stack) = (load(true), load(false));
    let (mut revision, mut code) = (0, 0);
    for number in 1..=RELOADS {
        if number % 2 == 0 {
            revision += 1;
            site.manifest(&marks::manifest(3, revision));
        } else {
            code += 1;
            site.library("marked", &marks::with_code(&library, code));
        }
        if number % 5 == 0 {
            site.file("around.ru.toml", around(1 + number as usize % 2));
        }
        continue_when(&program, (revision, code)).await;
    }
    stop.store(true, Ordering::SeqCst);
    let (axum, stack) = (
        axum.await.expect("none is lost"),
        stack.await.expect("none is lost"),
    );
    assert!(axum > 0 && stack > RELOADS, "{axum} and {stack} requests");
}

/// Waits until the stack has this revision and code.
async fn continue_when(program: &Program, expected: (u64, u64)) {
    within("the new generation", async {
        let mut connection = program.connect().await;
        loop {
            let mark = Mark::check(&connection.get("/").await, false).expect("a mark");
            if (mark.revision, mark.code) == expected {
                return;
            }
        }
    })
    .await;
}
