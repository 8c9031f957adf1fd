//! `stackup` commands beside a running host.

use std::process::Stdio;

use crate::{Site, artifacts, within};

/// What a command has said.
#[derive(Debug)]
pub struct CommandOutput {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Site {
    /// Runs `stackup` with `arguments` in this site, and waits for its end.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn stackup(&self, arguments: &[&str]) -> CommandOutput {
        let mut command = std::process::Command::new(artifacts::stackup());
        command
            .args(arguments)
            .current_dir(self.path())
            // As the host has it.
            .env("TMPDIR", self.runtime())
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("STACKUP_CONTROL")
            .env_remove("STACKUP_ENV")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        let ended = tokio::task::spawn_blocking(move || command.output());
        let output = within("the end of a command", ended).await;
        let output = output.expect("a thread").expect("stackup can be started");
        CommandOutput {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
