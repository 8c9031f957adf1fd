use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use stackup_tests::{Connection, print_skipped, within};
use tempfile::TempDir;

/// A real Apache, ended on drop.
pub(crate) struct Apache {
    address: String,
    process: Child,
    _folder: TempDir,
}

impl Apache {
    /// One with these modules and lines of its configuration. `None`, with a message, if it is not installed.
    pub(crate) async fn start(modules: &[&str], lines: &str) -> Option<Self> {
        if let Err(error) = Command::new("apache2").arg("-v").output() {
            print_skipped(&format!("no `apache2` ({error}); install `apache2`"));
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), mode).expect("its workers run as another user");
        // It has no way to pick a free port.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port").to_string();
        let config = folder.path().join("httpd.conf");
        let text = config_text(folder.path(), &address, modules, lines);
        fs::write(&config, text).expect("a config");
        let process = Command::new("apache2")
            .arg("-X")
            .arg("-f")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("its version could be printed");
        let apache = Self {
            address,
            process,
            _folder: folder,
        };
        within("apache", async {
            while Connection::try_tcp(&apache.address).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        Some(apache)
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::tcp(&self.address).await
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        // It ends its children.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}

fn config_text(folder: &Path, address: &str, modules: &[&str], lines: &str) -> String {
    let folder = folder.display();
    let mut text = format!(
        "ServerRoot {folder}\nServerName localhost\nListen {address}\nPidFile {folder}/pid\nErrorLog {folder}/log\n"
    );
    if geteuid().is_root() {
        text.push_str("User nobody\nGroup nogroup\n");
    }
    for module in ["authn_core", "authz_core", "mpm_event"]
        .iter()
        .chain(modules)
    {
        text.push_str(&format!(
            "LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n"
        ));
    }
    text.push_str(&format!("AllowEncodedSlashes NoDecode\n{lines}\n"));
    text
}
