//! Links that are retargeted while a site is served, and the site's identity.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Signal, kill_process};
use serde_json::Value;
use stackup_tests::site::read;
use stackup_tests::{Host, Site, artifacts, program};

use super::{code, faulty, wait_for_connection_close, wait_for_reload};

/// Releases below `releases/`, and the link `current` to one of them.
struct Deploy(Site);

impl Deploy {
    fn new() -> Self {
        Self(Site::new("run = \"nothing\"\n", &[]))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes a release with this manifest and library.
    fn release(&self, name: &str, manifest: &str, plugin: &str, library: &[u8]) -> PathBuf {
        let folder = self.path().join("releases").join(name);
        fs::create_dir_all(folder.join("plugins")).expect("a folder");
        let file = format!("lib{plugin}.so");
        fs::write(folder.join("plugins").join(file), library).expect("a library");
        fs::write(folder.join("config.ru.toml"), manifest).expect("a manifest");
        folder
    }

    /// What Capistrano does: `ln -s TARGET next && mv -T next LINK`.
    fn turn(&self, link: &str, target: &str) {
        let next = self.path().join("next");
        symlink(target, &next).expect("a link");
        fs::rename(next, self.path().join(link)).expect("the link is turned");
    }

    async fn serve(&self, manifest: &str) -> Host {
        let mut host = Host::spawn(&mut self.command(artifacts::stackup(), manifest));
        host.ready().await;
        host
    }

    fn command(&self, program: &Path, manifest: &str) -> Command {
        let command = Host::command(program, &self.0, &[]);
        let environment: Vec<_> = command
            .get_envs()
            .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
            .collect();
        let mut own = Command::new(program);
        own.args(["serve", manifest, "--log-format", "json"])
            .args(["-p", "0", "-o", "127.0.0.1"])
            .current_dir(self.path())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped());
        std::os::unix::process::CommandExt::process_group(&mut own, 0);
        for (name, value) in environment {
            match value {
                Some(value) => own.env(name, value),
                None => own.env_remove(name),
            };
        }
        own
    }

    /// The process that serves `manifest`, if one does.
    async fn pid(&self, manifest: &str) -> Option<i64> {
        let said = self.0.stackup(&["status", manifest, "--json"]).await;
        let status: Value = serde_json::from_str(&said.stdout).ok()?;
        status["pid"].as_i64()
    }
}

fn pid(host: &Host) -> Option<i64> {
    Some(host.pid().as_raw_nonzero().get().into())
}

const RUN: &str = "run = \"faulty\"\n";

#[tokio::test]
async fn turned_link_deploys_the_release_and_keeps_the_server_in_reach() {
    let deploy = Deploy::new();
    let one = deploy.release("1", RUN, "faulty", &faulty(1, "none"));
    deploy.release("2", RUN, "faulty", &faulty(2, "none"));
    deploy.turn("current", "releases/1");
    let host = deploy.serve("current/config.ru.toml").await;
    assert_eq!(code(&host).await, 1);
    deploy.turn("current", "releases/2");
    // At once, before anything is reloaded, as a script would.
    assert_eq!(deploy.pid("current/config.ru.toml").await, pid(&host));
    wait_for_reload(&host, "swapped").await;
    assert_eq!(code(&host).await, 2);
    for name in ["current/config.ru.toml", "releases/2/config.ru.toml"] {
        assert_eq!(deploy.pid(name).await, pid(&host), "{name}");
    }
    assert_eq!(deploy.pid("releases/1/config.ru.toml").await, None);
    // The file follows, too.
    host.event("control-socket").await;
    let socket = deploy.path().join("releases/2/config.ru.sock");
    assert!(socket.exists());
    assert!(!one.join("config.ru.sock").exists());
    // The old release may go; what comes later comes from the new one.
    fs::remove_dir_all(one).expect("it is ours");
    let said = deploy
        .0
        .stackup(&["restart", "current/config.ru.toml"])
        .await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(code(&host).await, 2);
    let said = deploy.0.stackup(&["stop", "current/config.ru.toml"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[tokio::test]
async fn same_manifest_and_library_in_a_new_release_read_the_new_folder() {
    let deploy = Deploy::new();
    let manifest = "[run]\nplugin = \"files\"\nconfig = { root = \"public\" }\n";
    let library = read(artifacts::plugin("files"));
    for release in ["1", "2"] {
        let folder = deploy.release(release, manifest, "files", &library);
        fs::create_dir(folder.join("public")).expect("a folder");
        fs::write(folder.join("public/page.txt"), release).expect("a page");
    }
    deploy.turn("current", "releases/1");
    let host = deploy.serve("current/config.ru.toml").await;
    assert_eq!(host.get("/page.txt").await.text(), "1");
    deploy.turn("current", "releases/2");
    let reload = wait_for_reload(&host, "swapped").await;
    assert!(
        reload.message().contains("folder of the manifest"),
        "{reload}"
    );
    assert_eq!(host.get("/page.txt").await.text(), "2");
}

#[tokio::test]
async fn crash_after_a_refused_release_restores_the_release_before() {
    let deploy = Deploy::new();
    deploy.release("1", RUN, "faulty", &faulty(1, "none"));
    deploy.release("2", "run = \"typo\"\n", "faulty", &faulty(2, "none"));
    deploy.turn("current", "releases/1");
    let host = deploy.serve("current/config.ru.toml").await;
    deploy.turn("current", "releases/2");
    wait_for_reload(&host, "refused").await;
    kill_process(host.worker(), Signal::KILL).expect("it is there");
    host.event("crash").await;
    host.next_worker().await;
    assert_eq!(code(&host).await, 1);
}

#[tokio::test]
async fn turned_config_map_reloads_and_keeps_the_server_in_reach() {
    let deploy = Deploy::new();
    let site = deploy.path();
    for (folder, code) in [("..1", 1), ("..2", 2)] {
        fs::create_dir(site.join(folder)).expect("a folder");
        let manifest = format!("[run]\nplugin = \"faulty\"\nconfig = {{ mark = {code} }}\n");
        fs::write(site.join(folder).join("config.ru.toml"), manifest).expect("a manifest");
    }
    deploy.0.library("faulty", &faulty(1, "none"));
    fs::remove_file(site.join("config.ru.toml")).expect("it is ours");
    deploy.turn("..data", "..1");
    symlink("..data/config.ru.toml", site.join("config.ru.toml")).expect("a link");
    let host = deploy.serve("config.ru.toml").await;
    deploy.turn("..data", "..2");
    wait_for_reload(&host, "swapped").await;
    fs::remove_dir_all(site.join("..1")).expect("it is ours");
    assert_eq!(deploy.pid("config.ru.toml").await, pid(&host));
    assert_eq!(deploy.pid("..data/config.ru.toml").await, pid(&host));
}

#[tokio::test]
async fn two_sites_never_answer_for_each_other() {
    let deploy = Deploy::new();
    // One shared manifest, and two names for one socket file.
    deploy.release("1", RUN, "faulty", &faulty(1, "none"));
    let two = deploy.release("2", RUN, "faulty", &faulty(2, "none"));
    fs::remove_file(two.join("config.ru.toml")).expect("it is ours");
    fs::write(deploy.path().join("shared.toml"), RUN).expect("a manifest");
    for name in ["config.ru.toml", "config.ru.txt"] {
        symlink("../../shared.toml", two.join(name)).expect("a link");
    }
    let files = [
        "releases/1/config.ru.toml",
        "releases/2/config.ru.toml",
        "releases/2/config.ru.txt",
    ];
    let mut hosts = Vec::new();
    for file in files {
        assert_eq!(deploy.pid(file).await, None, "{file}");
        hosts.push(deploy.serve(file).await);
    }
    for (file, host) in files.iter().zip(&hosts) {
        assert_eq!(deploy.pid(file).await, pid(host), "{file}");
    }
    let said = deploy.0.stackup(&["stop", "shared.toml"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("several stackups serve"), "{said:?}");
}

#[tokio::test]
async fn server_and_client_need_no_variable_in_common() {
    let deploy = Deploy::new();
    // Too long for the path of a socket.
    let folder = "x".repeat(100);
    let release = deploy.release(&folder, RUN, "faulty", &faulty(1, "none"));
    let manifest = release.join("config.ru.toml");
    let manifest = manifest.to_str().expect("text");
    for variable in [None, Some("/nowhere")] {
        let mut command = deploy.command(artifacts::stackup(), manifest);
        match variable {
            Some(value) => command.env("XDG_RUNTIME_DIR", value),
            None => command.env_remove("XDG_RUNTIME_DIR"),
        };
        let mut host = Host::spawn(&mut command);
        host.ready().await;
        for others in [None, Some("/nowhere"), Some("/tmp")] {
            let mut client = Command::new(artifacts::stackup());
            client
                .args(["status", manifest, "--json"])
                .env_remove("XDG_RUNTIME_DIR");
            client.envs(others.map(|value| ("XDG_RUNTIME_DIR", value)));
            let output = client.output().expect("it runs");
            let status: Value = serde_json::from_slice(&output.stdout).expect("a status");
            assert_eq!(status["pid"].as_i64(), pid(&host));
        }
        let said = deploy.0.stackup(&["stop", manifest]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(host.exited().await.success());
    }
}

#[tokio::test]
async fn upgrade_follows_the_link_to_the_program() {
    let deploy = Deploy::new();
    deploy.release("1", RUN, "faulty", &faulty(1, "none"));
    let programs = tempfile::tempdir_in(artifacts::target_dir()).expect("a folder");
    for version in ["1", "2"] {
        let folder = programs.path().join(version);
        fs::create_dir(&folder).expect("a folder");
        program::copy(artifacts::stackup(), &folder.join("stackup"));
    }
    let current = programs.path().join("current");
    symlink("1", &current).expect("a link");
    let program = current.join("stackup");
    let mut host = Host::spawn(&mut deploy.command(&program, "releases/1/config.ru.toml"));
    host.ready().await;
    let mut connection = host.connect().await;
    connection.get("/").await;
    let said = deploy
        .0
        .stackup(&["upgrade", "releases/1/config.ru.toml"])
        .await;
    assert!(
        said.stdout.contains("nothing has been upgraded"),
        "{said:?}"
    );
    host.event("upgraded").await;
    wait_for_connection_close(&mut connection).await;
    symlink("2", programs.path().join("next")).expect("a link");
    fs::rename(programs.path().join("next"), &current).expect("the link is turned");
    let said = deploy
        .0
        .stackup(&["upgrade", "releases/1/config.ru.toml"])
        .await;
    assert!(
        !said.stdout.contains("nothing has been upgraded"),
        "{said:?}"
    );
    host.event("upgraded").await;
    let runs = fs::read_link(format!("/proc/{}/exe", host.pid().as_raw_nonzero()));
    assert_eq!(runs.expect("it runs"), programs.path().join("2/stackup"));
}
