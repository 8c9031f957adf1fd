//! Other caches in front of an origin. A program that is missing is left out, aloud.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use stackup_tests::{Connection, print_skipped, within};
use tempfile::TempDir;

use crate::serving::nginx::TEMPORARY_PATHS;

/// A cache, ended on drop.
pub(super) struct Rival {
    pub(super) name: &'static str,
    /// What it says of its version.
    pub(super) version: String,
    address: Address,
    process: Child,
    _folder: TempDir,
}

enum Address {
    Tcp(String),
    Unix(PathBuf),
}

/// How to run a program.
struct Program {
    name: &'static str,
    binary: &'static str,
    /// The argument that prints the version.
    version: &'static str,
}

const NGINX: Program = Program {
    name: "nginx",
    binary: "nginx",
    version: "-v",
};

const HTTPD: Program = Program {
    name: "httpd",
    binary: "apache2",
    version: "-v",
};

const VARNISH: Program = Program {
    name: "varnish",
    binary: "varnishd",
    version: "-V",
};

impl Rival {
    /// All that are installed, in front of `origin`.
    pub(super) async fn start_all(origin: &str) -> Vec<Self> {
        let started = [
            Self::start(&NGINX, |folder| nginx(folder, origin)),
            Self::start(&HTTPD, |folder| httpd(folder, origin)),
            Self::start(&VARNISH, |folder| varnish(folder, origin)),
        ];
        let started: Vec<_> = started.into_iter().flatten().collect();
        for rival in &started {
            within(rival.name, async {
                while rival.try_connect().await.is_none() {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
        started
    }

    fn start(
        program: &Program,
        prepare: impl FnOnce(&Path) -> (Address, Vec<String>),
    ) -> Option<Self> {
        let version = Command::new(program.binary).arg(program.version).output();
        let Ok(version) = version else {
            let (name, binary) = (program.name, program.binary);
            print_skipped(&format!("no `{binary}`: {name} is not compared"));
            return None;
        };
        let version = [version.stdout, version.stderr].concat();
        let folder = tempfile::tempdir().expect("a folder");
        // Their workers run as another user if we are root.
        open(folder.path(), 0o755);
        let (address, arguments) = prepare(folder.path());
        let process = Command::new(program.binary)
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("its version could be printed");
        Some(Self {
            name: program.name,
            version: String::from_utf8_lossy(&version).into_owned(),
            address,
            process,
            _folder: folder,
        })
    }

    pub(super) async fn connect(&self) -> Connection {
        self.try_connect().await.expect("it listens")
    }

    async fn try_connect(&self) -> Option<Connection> {
        match &self.address {
            Address::Tcp(address) => Connection::try_tcp(address).await.ok(),
            Address::Unix(path) => {
                tokio::net::UnixStream::connect(path).await.ok()?;
                Some(Connection::unix(path).await)
            }
        }
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        use rustix::process::{Pid, Signal, kill_process};

        // It ends its children.
        let pid = Pid::from_child(&self.process);
        let _ = kill_process(pid, Signal::TERM);
        let _ = self.process.wait();
    }
}

fn open(path: &Path, mode: u32) {
    let set = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    set.expect("the mode can be set");
}

fn write(path: &Path, text: &str) -> String {
    fs::write(path, text).expect("a file");
    path.display().to_string()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn nginx(folder: &Path, origin: &str) -> (Address, Vec<String>) {
    let socket = folder.join("socket");
    let config = write(
        &folder.join("nginx.conf"),
        &format!(
            "daemon off;
worker_processes 1;
pid pid;
events {{}}
http {{
    access_log off;
    {TEMPORARY_PATHS}
    proxy_cache_path cache keys_zone=one:1m;
    server {{
        listen unix:{};
        location / {{
            proxy_pass http://{origin};
            proxy_cache one;
        }}
    }}
}}
",
            socket.display()
        ),
    );
    let prefix = folder.display().to_string();
    let arguments = ["-p", &prefix, "-c", &config, "-e", "stderr"];
    (Address::Unix(socket), arguments.map(str::to_owned).into())
}

fn httpd(folder: &Path, origin: &str) -> (Address, Vec<String>) {
    const MODULES: [(&str, &str); 7] = [
        ("authn_core_module", "authn_core"),
        ("authz_core_module", "authz_core"),
        ("mpm_event_module", "mpm_event"),
        ("proxy_module", "proxy"),
        ("proxy_http_module", "proxy_http"),
        ("cache_module", "cache"),
        ("cache_disk_module", "cache_disk"),
    ];
    // It has no way to pick a free port, or a Unix socket.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.expect("a free port").to_string();
    let cache = folder.join("cache");
    fs::create_dir(&cache).expect("a folder");
    open(&cache, 0o777);
    let folder = folder.display();
    let mut text = format!(
        "ServerRoot {folder}\nServerName localhost\nListen {address}\nPidFile {folder}/pid\nErrorLog {folder}/log\n"
    );
    if is_root() {
        text.push_str("User nobody\nGroup nogroup\n");
    }
    for (module, file) in MODULES {
        text.push_str(&format!(
            "LoadModule {module} /usr/lib/apache2/modules/mod_{file}.so\n"
        ));
    }
    text.push_str(&format!(
        "CacheRoot {}\nCacheEnable disk /\nProxyPass / http://{origin}/\n",
        cache.display()
    ));
    let config = write(&cache.with_file_name("httpd.conf"), &text);
    let arguments = ["-X", "-f", &config];
    (Address::Tcp(address), arguments.map(str::to_owned).into())
}

fn varnish(folder: &Path, origin: &str) -> (Address, Vec<String>) {
    let socket = folder.join("socket");
    let (host, port) = origin.rsplit_once(':').expect("a port");
    let config = write(
        &folder.join("default.vcl"),
        &format!("vcl 4.1;\nbackend default {{ .host = \"{host}\"; .port = \"{port}\"; }}\n"),
    );
    let listen = format!("{},mode=666", socket.display());
    let work = folder.join("work").display().to_string();
    let arguments = [
        "-F",
        "-j",
        "none",
        "-n",
        &work,
        "-a",
        &listen,
        "-f",
        &config,
        "-s",
        "malloc,16m",
        "-p",
        "default_ttl=0",
    ];
    (Address::Unix(socket), arguments.map(str::to_owned).into())
}
