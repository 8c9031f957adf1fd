//! Runs `stackup` commands beside a running host.

use std::process::Stdio;

use crate::{Site, artifacts, within};

/// The result of a command.
#[derive(Debug)]
pub struct CommandOutput {
    /// Its exit code.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Site {
    /// Runs `stackup` with `arguments` in this site and waits until it exits.
    ///
    /// # Panics
    ///
    /// If it does not exit.
    pub async fn stackup(&self, arguments: &[&str]) -> CommandOutput {
        self.stackup_with(arguments, &[]).await
    }

    /// The same with these environment variables.
    ///
    /// # Panics
    ///
    /// As [`stackup`](Self::stackup).
    pub async fn stackup_with(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> CommandOutput {
        let mut command = std::process::Command::new(artifacts::stackup());
        command
            .args(arguments)
            .current_dir(self.path())
            // The same as the host's.
            .env("TMPDIR", self.runtime())
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("STACKUP_CONTROL")
            .env_remove("STACKUP_ENV")
            .env_remove("RUST_LOG")
            .envs(variables.iter().copied())
            .stdin(Stdio::null());
        let ended = tokio::task::spawn_blocking(move || command.output());
        let output = within("a command to exit", ended).await;
        let output = output.expect("the thread runs").expect("stackup starts");
        CommandOutput {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
