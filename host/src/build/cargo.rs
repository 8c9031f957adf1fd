//! One run of cargo for each workspace.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::find::Crate;

/// The profile that plugins are built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Fast to build.
    Debug,
    /// Fast to run.
    Release,
}

/// The cargo that runs us, else the one on the path.
pub(super) fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Builds the crates; returns the library file of each plugin.
///
/// # Errors
///
/// When cargo fails (its own words have gone to stderr), or a crate is no dynamic library.
pub(super) fn build(
    crates: &[Crate],
    profile: Profile,
    quiet: bool,
) -> Result<HashMap<String, PathBuf>, String> {
    let mut by_workspace: BTreeMap<&Path, Vec<&Crate>> = BTreeMap::new();
    for one in crates {
        by_workspace.entry(&one.workspace).or_default().push(one);
    }
    let mut built = HashMap::new();
    for (workspace, members) in by_workspace {
        let files = run(workspace, &members, profile, quiet)?;
        for member in members {
            let Some(file) = files.get(&member.package) else {
                return Err(format!(
                    "the crate `{}` builds no dynamic library: its Cargo.toml needs\n\n    [lib]\n    \
                     crate-type = [\"cdylib\"]\n",
                    member.package
                ));
            };
            built.insert(member.plugin.clone(), file.clone());
        }
    }
    Ok(built)
}

/// Package → library file.
fn run(
    workspace: &Path,
    members: &[&Crate],
    profile: Profile,
    quiet: bool,
) -> Result<HashMap<String, PathBuf>, String> {
    let mut command = Command::new(program());
    command.args(["build", "--lib", "--message-format=json-render-diagnostics"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    if quiet {
        command.arg("--quiet");
    }
    for member in members {
        command.args(["--package", &member.package]);
    }
    let mut child = command
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    let mut files = HashMap::new();
    let output = child.stdout.take().map(BufReader::new);
    for line in output
        .into_iter()
        .flat_map(BufRead::lines)
        .map_while(Result::ok)
    {
        if let Some((package, file)) = artifact(&line) {
            files.insert(package, file);
        }
    }
    let status = child
        .wait()
        .map_err(|error| format!("cargo could not be awaited: {error}"))?;
    if !status.success() {
        let names: Vec<_> = members
            .iter()
            .map(|member| member.package.as_str())
            .collect();
        return Err(format!(
            "cargo could not build {} (see above)",
            names.join(", ")
        ));
    }
    Ok(files)
}

/// The package and the file of a `compiler-artifact` message that is a dynamic library.
fn artifact(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let kinds = message["target"]["kind"].as_array()?;
    if !kinds.iter().any(|kind| kind == "cdylib") {
        return None;
    }
    let ending = std::env::consts::DLL_SUFFIX;
    let names = message["filenames"].as_array()?;
    let file = names
        .iter()
        .filter_map(Value::as_str)
        .find(|name| name.ends_with(ending))?;
    Some((package_name(message["package_id"].as_str()?)?, file.into()))
}

/// The name in a package id: `path+file:///x/hello#0.1.0`, or `…/x#hello@0.1.0`.
fn package_name(id: &str) -> Option<String> {
    let (place, version) = id.rsplit_once('#')?;
    let name = match version.split_once('@') {
        Some((name, _)) => name,
        None => place.rsplit('/').next()?,
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::package_name;

    #[test]
    fn both_forms_of_a_package_id() {
        let plain = package_name("path+file:///w/plugins/hello#0.1.0");
        assert_eq!(plain.as_deref(), Some("hello"));
        let named = package_name("path+file:///w/plugins/x#hello@0.1.0");
        assert_eq!(named.as_deref(), Some("hello"));
    }
}
