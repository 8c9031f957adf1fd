//! A site whose plugins are crates of its own workspace, as a person has it who develops.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::artifacts::{cargo, target_dir, workspace};
use crate::{Host, Site, artifacts};

/// A site with a cargo workspace in it.
#[derive(Debug)]
pub struct CargoSite {
    /// Where it is.
    pub site: Site,
}

impl CargoSite {
    /// A site with this manifest and a crate for each of these plugins, of which each is an app that answers with
    /// its own name.
    ///
    /// # Panics
    ///
    /// When it can't be written.
    pub fn new(manifest: &str, plugins: &[&str]) -> Self {
        let cargo_site = Self::unbuilt(manifest, plugins, "debug = false\n");
        // What cargo has made of stackup-plugin lies ready; it need not be made by each test.
        let copied = Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(prebuilt_target())
            .arg(cargo_site.target())
            .status();
        assert!(
            copied.is_ok_and(|status| status.success()),
            "a copy of target"
        );
        cargo_site
    }

    /// The same with these lines in its `[profile.dev]`, and nothing made of it yet.
    ///
    /// # Panics
    ///
    /// When it can't be written.
    pub fn unbuilt(manifest: &str, plugins: &[&str], profile: &str) -> Self {
        let site = Site::new(manifest, &[]);
        let cargo_site = Self { site };
        let text = format!(
            "[workspace]\nresolver = \"3\"\nmembers = [\"plugins/*\"]\n\n[profile.dev]\n{profile}"
        );
        cargo_site.save("Cargo.toml", &text);
        // Its dependencies are the ones that lie ready.
        let lock = fs::read_to_string(workspace().join("Cargo.lock")).expect("a lock");
        cargo_site.save("Cargo.lock", &lock);
        cargo_site.save(".gitignore", "/target\n/runtime\n");
        for plugin in plugins {
            cargo_site.add_crate(plugin, "");
            cargo_site.save(&lib(plugin), &app(plugin));
        }
        cargo_site
    }

    /// Adds a plugin's crate, with these lines in its `[dependencies]`.
    ///
    /// # Panics
    ///
    /// When it can't be written.
    pub fn add_crate(&self, plugin: &str, dependencies: &str) {
        let api = workspace().join("plugin-api");
        let api = api.display();
        let text = format!(
            "[package]\nname = \"{plugin}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = \
             [\"cdylib\"]\n\n[dependencies]\nstackup-plugin = {{ path = \"{api}\" }}\n{dependencies}"
        );
        self.save(&format!("plugins/{plugin}/Cargo.toml"), &text);
    }

    /// Saves a file as an editor does.
    ///
    /// # Panics
    ///
    /// When it can't be written.
    pub fn save(&self, name: &str, text: &str) {
        let path = self.site.path().join(name);
        let folder = path.parent().expect("a file has a folder");
        fs::create_dir_all(folder).expect("the site can be written");
        fs::write(&path, text).expect("the site can be written");
    }

    /// Where cargo puts what it makes of it.
    pub fn target(&self) -> PathBuf {
        self.site.path().join("target")
    }

    /// A cargo at work there, as on a person's own machine.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(&cargo()[0]);
        remove_cargo_variables(&mut command);
        command.current_dir(self.site.path());
        command
    }

    /// `stackup dev`, started; waits for nothing.
    pub fn launch(&self) -> Host {
        let arguments = ["-p", "0"];
        let mut command = Host::command_for("dev", artifacts::stackup(), &self.site, &arguments);
        remove_cargo_variables(&mut command);
        Host::spawn(&mut command)
    }

    /// `stackup dev` as a person starts it in a terminal; waits for nothing.
    pub fn launch_in_terminal(&self) -> Host {
        let mut command = Host::terminal_command("dev", artifacts::stackup(), &self.site);
        command.args(["-p", "0"]);
        remove_cargo_variables(&mut command);
        Host::spawn(&mut command)
    }

    /// `stackup dev`, which listens.
    pub async fn develop(&self) -> Host {
        let mut host = self.launch();
        host.ready().await;
        host
    }
}

/// Where a plugin's code is.
pub fn lib(plugin: &str) -> String {
    format!("plugins/{plugin}/src/lib.rs")
}

/// An app that answers so.
pub fn app(answer: &str) -> String {
    format!(
        "async fn app() -> &'static str {{\n    {answer:?}\n}}\n\nstackup_plugin::export!(app fn app);\n"
    )
}

/// What cargo makes of stackup-plugin for a site, made once for all tests.
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

/// As on a person's own machine, not as in the cargo that runs this test.
fn remove_cargo_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("CARGO_") && name_text != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    command
        .env("CARGO_NET_OFFLINE", "true")
        // The tests of a person who looks for a mistake in them have it.
        .env_remove("RUST_BACKTRACE");
}
