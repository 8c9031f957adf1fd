//! Runs the case files in `tests/commands/`: commands, dashes, and their output.
//!
//! A shell runs each line above the dashes in a new folder, shown as `FOLDER`
//! (this workspace: `CHECKOUT`). Exit codes other than 0 are shown.
//! `#! plugin NAME` puts the library of a plugin of this workspace into the folder's `plugins/`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use stackup_tests::artifacts;

use crate::cases;

#[test]
fn commands_print_what_their_cases_say() {
    cases::check("commands", |input| {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        // On some systems the temporary folder is a link.
        let folder = folder.path().canonicalize();
        let folder = folder.map_err(|error| error.to_string())?;
        let libraries = folder.join("plugins");
        for plugin in input
            .lines()
            .filter_map(|line| line.strip_prefix("#! plugin "))
        {
            let file = artifacts::plugin(plugin);
            let copy = libraries.join(file.file_name().unwrap_or_default());
            fs::create_dir_all(&libraries).map_err(|error| error.to_string())?;
            fs::copy(file, copy).map_err(|error| error.to_string())?;
        }
        let lines: Vec<_> = input
            .lines()
            .filter(|line| !line.starts_with("#!"))
            .collect();
        let said: Result<Vec<String>, String> = lines
            .iter()
            .map(|line| {
                let said = run(line, &folder)?;
                // A single command needs no heading.
                Ok(match lines.len() {
                    1 => said,
                    _ => format!("$ {line}\n{said}"),
                })
            })
            .collect();
        Ok(said?.join("\n"))
    });
}

fn run(line: &str, folder: &Path) -> Result<String, String> {
    let program = artifacts::stackup().parent();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", program.unwrap_or(folder).display());
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("RUST_LOG")
        .env_remove("STACKUP_CONTROL")
        .env_remove("STACKUP_ENV")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        said.push_str(&format!("({})\n", output.status));
    }
    let said = said.replace(&*folder.to_string_lossy(), "FOLDER");
    Ok(said.replace(&*artifacts::workspace().to_string_lossy(), "CHECKOUT"))
}

#[tokio::test]
async fn closed_pipe_is_no_error() {
    let site = stackup_tests::Site::new("run = \"hello\"\n", &["hello"]);
    let library = site.path().join("plugins/libhello.so");
    let library = library.to_str().expect("text");
    for arguments in [
        &["check", "-E", "production"][..],
        &["stack", "-E", "production"],
        &["schema", "-E", "production"],
        &["lock"],
        &["inspect", library, "--schema"],
        &["new", "site", "made"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(artifacts::stackup());
        command.args(arguments).current_dir(site.path());
        command.env("TMPDIR", site.runtime()).stdout(writer);
        let output = command.stdin(Stdio::null()).output();
        let output = output.expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        assert_eq!(errors, "", "{arguments:?}");
    }
}
