//! A site whose plugins are crates of its own workspace, as a plugin's author has it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::artifacts::{cargo, target_dir, workspace};
use crate::{Host, Site, artifacts};

/// A site with a cargo workspace.
#[derive(Debug)]
pub struct CargoSite {
    /// Its directory and manifest.
    pub site: Site,
}

impl CargoSite {
    /// A site with this manifest and a crate for each of these plugins. Each plugin is an app that responds with its
    /// own name.
    ///
    /// # Panics
    ///
    /// If it can't be written.
    pub fn new(manifest: &str, plugins: &[&str]) -> Self {
        let cargo_site = Self::unbuilt(manifest, plugins, "debug = false\n");
        // Contains a build of stackup-plugin, so that not every test builds it.
        let copied = Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(prebuilt_target())
            .arg(cargo_site.target())
            .status();
        assert!(
            copied.is_ok_and(|status| status.success()),
            "cannot copy the target directory"
        );
        cargo_site
    }

    /// The same with these lines in its `[profile.dev]`, and nothing built.
    ///
    /// # Panics
    ///
    /// If it can't be written.
    pub fn unbuilt(manifest: &str, plugins: &[&str], profile: &str) -> Self {
        let site = Site::new(manifest, &[]);
        let cargo_site = Self { site };
        let text = format!(
            "[workspace]\nresolver = \"3\"\nmembers = [\"plugins/*\"]\n\n[profile.dev]\n{profile}"
        );
        cargo_site.save("Cargo.toml", &text);
        // The versions that are already built.
        let lock = fs::read_to_string(workspace().join("Cargo.lock")).expect("a lock");
        cargo_site.save("Cargo.lock", &lock);
        cargo_site.save(".gitignore", "/target\n/runtime\n");
        for plugin in plugins {
            cargo_site.add_crate(plugin, "");
            cargo_site.save(&lib(plugin), &app(plugin));
        }
        cargo_site
    }

    /// Adds the crate of a plugin with these lines in its `[dependencies]`.
    ///
    /// # Panics
    ///
    /// If it can't be written.
    pub fn add_crate(&self, plugin: &str, dependencies: &str) {
        let api = workspace().join("plugin-api");
        let api = api.display();
        let text = format!(
            "[package]\nname = \"{plugin}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = \
             [\"cdylib\"]\n\n[dependencies]\nstackup-plugin = {{ path = \"{api}\" }}\n{dependencies}"
        );
        self.save(&format!("plugins/{plugin}/Cargo.toml"), &text);
    }

    /// Writes a file in place, as many editors do.
    ///
    /// # Panics
    ///
    /// If it can't be written.
    pub fn save(&self, name: &str, text: &str) {
        let path = self.site.path().join(name);
        let folder = path.parent().expect("a file has a folder");
        fs::create_dir_all(folder).expect("the site can be written");
        fs::write(&path, text).expect("the site can be written");
    }

    /// Its cargo target directory.
    pub fn target(&self) -> PathBuf {
        self.site.path().join("target")
    }

    /// A cargo command in its directory, with a user's environment.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(&cargo()[0]);
        remove_cargo_variables(&mut command);
        command.current_dir(self.site.path());
        command
    }

    /// Starts `stackup dev` and does not wait.
    pub fn launch(&self) -> Host {
        self.launch_with(|_| ())
    }

    /// `stackup dev`, started with a changed command; waits for nothing.
    pub fn launch_with(&self, change: impl FnOnce(&mut Command)) -> Host {
        let arguments = ["-p", "0"];
        let mut command = Host::command_for("dev", artifacts::stackup(), &self.site, &arguments);
        remove_cargo_variables(&mut command);
        change(&mut command);
        Host::spawn(&mut command)
    }

    /// Starts `stackup dev` with the log format of a terminal, and does not wait.
    pub fn launch_in_terminal(&self) -> Host {
        let mut command = Host::terminal_command("dev", artifacts::stackup(), &self.site);
        command.args(["-p", "0"]);
        remove_cargo_variables(&mut command);
        Host::spawn(&mut command)
    }

    /// Starts `stackup dev` and waits until it listens.
    pub async fn develop(&self) -> Host {
        let mut host = self.launch();
        host.ready().await;
        host
    }
}

/// The path of a plugin's source.
pub fn lib(plugin: &str) -> String {
    format!("plugins/{plugin}/src/lib.rs")
}

/// The source of an app that responds with `answer`.
pub fn app(answer: &str) -> String {
    format!(
        "async fn app() -> &'static str {{\n    {answer:?}\n}}\n\nstackup_plugin::export!(app fn app);\n"
    )
}

/// A target directory with a build of stackup-plugin, built once for all tests.
fn prebuilt_target() -> &'static Path {
    static PREBUILT: OnceLock<PathBuf> = OnceLock::new();
    PREBUILT.get_or_init(|| {
        let cargo_site = CargoSite::unbuilt("run = \"first\"\n", &["first"], "debug = false\n");
        let target = target_dir().join("stackup-tests/cargo-site");
        let mut command = cargo_site.cargo();
        command
            .args(["build", "--quiet"])
            .env("CARGO_TARGET_DIR", &target);
        let status = command.status().expect("cargo can be run");
        assert!(status.success(), "the first crate does not build");
        target
    })
}

/// Removes the variables of the cargo that runs this test.
fn remove_cargo_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("CARGO_") && name_text != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    command
        .env("CARGO_NET_OFFLINE", "true")
        // Developers set it to debug the tests.
        .env_remove("RUST_BACKTRACE");
}
