//! A real nginx in front of a host.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use stackup_tests::http::Connection;
use stackup_tests::{print_skipped, within};
use tempfile::TempDir;

/// Directives of `http`: what is temporary is in nginx's prefix, not where only root may write.
pub(crate) const TEMPORARY_PATHS: &str = "client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; \
     scgi_temp_path scgi;";

/// An nginx in front of a host, killed on drop.
pub(crate) struct Nginx {
    folder: TempDir,
    process: Child,
}

impl Nginx {
    /// Starts one with these directives of a `server`, whose upstream `host` is at `upstream`. `None`, with a message, if
    /// nginx is not installed.
    pub(crate) async fn start(upstream: &str, server: &str) -> Option<Self> {
        Self::start_with(upstream, server, "").await
    }

    /// The same, with more directives of `http`.
    pub(crate) async fn start_with(upstream: &str, server: &str, http: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("nginx.conf");
        let text = config_text(upstream, server, http, &folder.path().join("socket"));
        std::fs::write(&config, text).expect("a config");
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).arg("-c").arg(&config);
        command.arg("-e").arg(folder.path().join("error.log"));
        command.stderr(Stdio::null());
        let process = match command.spawn() {
            Ok(process) => process,
            Err(error) => {
                print_skipped(&format!("no `nginx` ({error}); install `nginx`"));
                return None;
            }
        };
        let nginx = Self { folder, process };
        within("nginx", async {
            while tokio::net::UnixStream::connect(nginx.socket())
                .await
                .is_err()
            {
                tokio::task::yield_now().await;
            }
        })
        .await;
        Some(nginx)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::unix(&self.socket()).await
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("error.log"));
            let ended = self.process.try_wait();
            eprintln!("nginx: {ended:?}; its log:\n{}", log.unwrap_or_default());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn config_text(upstream: &str, server: &str, http: &str, socket: &Path) -> String {
    let socket = socket.display();
    format!(
        "daemon off;
master_process off;
pid pid;
events {{}}
http {{
    access_log off;
    {TEMPORARY_PATHS}
    {http}
    upstream host {{ server {upstream}; keepalive 8; }}
    server {{
        listen unix:{socket};
        {server}
    }}
}}
"
    )
}
