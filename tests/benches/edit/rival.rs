//! The same app with axum: killed at each save, built, and started again.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use stackup_tests::CargoSite;

use super::first;
use super::table::Table;

const MANIFEST: &str = r#"[package]
name = "rival"
version = "0.1.0"
edition = "2024"

[workspace]

[dependencies]
axum = { version = "0.8", default-features = false, features = ["http1", "tokio"] }
tokio = { version = "1", features = ["macros", "net", "rt-multi-thread"] }
"#;

pub(crate) struct Rival {
    /// Nothing of it is part of stackup except the folder.
    cargo_site: CargoSite,
    address: String,
    child: Option<Child>,
}

impl Rival {
    /// Built once.
    pub(crate) fn new() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let rival = Self {
            cargo_site: CargoSite::unbuilt("", &[], ""),
            address: free.expect("a free port").to_string(),
            child: None,
        };
        rival.cargo_site.save("Cargo.toml", MANIFEST);
        rival.save("built");
        rival.build();
        rival
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) async fn start(&mut self) {
        self.save("started");
        self.build();
        self.run();
        first(&self.address, "started").await;
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let ended = child.kill().and_then(|()| child.wait());
            ended.expect("the rival ends");
        }
    }

    pub(crate) async fn edit(&mut self, number: usize, table: &mut Table) {
        let text = format!("edit {number}");
        let start = Instant::now();
        // Fails only if the process has exited.
        self.save(&text);
        let cargo = tokio::task::block_in_place(|| {
            self.stop();
            let building = Instant::now();
            self.build();
            let cargo = building.elapsed();
            self.run();
            cargo
        });
        first(&self.address, &text).await;
        table.add("save to first new text", start.elapsed());
        table.add("cargo", cargo);
    }

    fn save(&self, answer: &str) {
        let address = &self.address;
        let text = format!(
            "use axum::Router;\nuse axum::routing::get;\n\n#[tokio::main]\nasync fn main() {{\n    let app = \
             Router::new().fallback(get(|| async {{ {answer:?} }}));\n    let listener = \
             tokio::net::TcpListener::bind({address:?}).await.unwrap();\n    axum::serve(listener, \
             app).await.unwrap();\n}}\n"
        );
        self.cargo_site.save("src/main.rs", &text);
    }

    fn build(&self) {
        let mut cargo = self.cargo_site.cargo();
        let status = cargo.args(["build", "--quiet"]).status();
        let built = status.is_ok_and(|status| status.success());
        assert!(built, "the rival does not build");
    }

    fn run(&mut self) {
        let mut command = Command::new(self.cargo_site.target().join("debug/rival"));
        command.stdin(Stdio::null());
        self.child = Some(command.spawn().expect("the rival starts"));
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        self.stop();
    }
}
