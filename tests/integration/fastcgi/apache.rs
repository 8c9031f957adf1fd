use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use stackup_tests::{Connection, Host, Site, artifacts, print_skipped, within};
use tempfile::TempDir;

use super::{check_bodies, serve};

/// An Apache in front of a host, ended on drop.
struct Apache {
    address: String,
    process: Child,
    _folder: TempDir,
}

impl Apache {
    /// One that passes all requests to `backend`, with these options. `None`, with a message, if it is not installed.
    async fn start(backend: &str, options: &str) -> Option<Self> {
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
        let text = config_text(folder.path(), &address, backend, options);
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

    async fn connect(&self) -> Connection {
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

fn config_text(folder: &Path, address: &str, backend: &str, options: &str) -> String {
    const MODULES: [&str; 5] = [
        "authn_core",
        "authz_core",
        "mpm_event",
        "proxy",
        "proxy_fcgi",
    ];
    let folder = folder.display();
    let mut text = format!(
        "ServerRoot {folder}\nServerName localhost\nListen {address}\nPidFile {folder}/pid\nErrorLog {folder}/log\n"
    );
    if geteuid().is_root() {
        text.push_str("User nobody\nGroup nogroup\n");
    }
    for module in MODULES {
        text.push_str(&format!(
            "LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n"
        ));
    }
    text.push_str(&format!(
        "AllowEncodedSlashes NoDecode\nProxyPass / {backend} {options}\n"
    ));
    text
}

async fn start(plugin: &str, options: &str) -> Option<(Site, Host, Apache)> {
    let (site, host) = serve(plugin, "").await;
    let backend = format!("fcgi://{}/", host.address());
    let apache = Apache::start(&backend, options).await?;
    Some((site, host, apache))
}

/// Connections that are kept, and one for each request.
const OPTIONS: [&str; 2] = ["enablereuse=on", ""];

#[tokio::test]
async fn requests_through_apache_are_what_the_client_sent() {
    for options in OPTIONS {
        let Some((_site, _host, apache)) = start("answers", options).await else {
            return;
        };
        let mut client = apache.connect().await;
        let names = "env=REQUEST_METHOD&env=REQUEST_URI&env=PATH_INFO&env=SCRIPT_NAME&env=HTTP_HOST&env=HTTP_X_A&env=CONTENT_TYPE&env=REMOTE_ADDR";
        let target = format!("/a%20b/../d?{names}");
        for _ in 0..3 {
            client
                .send(format!(
                    "POST {target} HTTP/1.1\r\nhost: a.test\r\nx-a: 1\r\ncontent-type: a/b\r\ncontent-length: 5\r\n\r\nhello"
                ))
                .await;
            let text = client.response().await.text();
            let expected = format!(
                "REQUEST_METHOD=POST\nREQUEST_URI={target}\nPATH_INFO=/d\nSCRIPT_NAME=\nHTTP_HOST=a.test\nHTTP_X_A=1\nCONTENT_TYPE=a/b\nREMOTE_ADDR=127.0.0.1\nhello"
            );
            assert_eq!(text, expected);
        }
    }
}

#[tokio::test]
async fn responses_through_apache_are_what_the_handler_made() {
    let Some((_site, _host, apache)) = start("answers", "enablereuse=on").await else {
        return;
    };
    for (target, status) in [
        ("/?status=404&body=no", 404),
        ("/?status=302&header=location:/x", 302),
        ("/?status=204", 204),
        ("/?status=304", 304),
        ("/?fail=no&status=503", 503),
    ] {
        // It closes the client's connection after a 503.
        let response = apache.connect().await.get(target).await;
        assert_eq!(response.status(), status, "{target}");
    }
    let mut client = apache.connect().await;
    let cookies = client
        .get("/?header=set-cookie:a=1&header=set-cookie:b=2&body=hello")
        .await;
    assert_eq!(
        cookies.head.all("set-cookie").collect::<Vec<_>>(),
        ["a=1", "b=2"]
    );
    assert_eq!(cookies.text(), "hello");
}

#[tokio::test]
async fn bodies_go_through_apache() {
    for options in OPTIONS {
        let Some((_site, _host, apache)) = start("probe", options).await else {
            return;
        };
        let mut client = apache.connect().await;
        check_bodies(&mut client).await;
    }
}

#[tokio::test]
async fn apache_reaches_a_unix_socket() {
    let manifest = "run = \"probe\"\n[server]\nlisten = [\"fastcgi+unix:app.sock\"]\n";
    let site = Site::new(manifest, &["probe"]);
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    open(site.path(), 0o711).expect("its workers run as another user");
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    host.ready().await;
    let socket = site.path().join("app.sock");
    open(&socket, 0o666).expect("its workers run as another user");
    let backend = format!("unix:{}|fcgi://localhost/", socket.display());
    let Some(apache) = Apache::start(&backend, "enablereuse=on").await else {
        return;
    };
    let mut client = apache.connect().await;
    for _ in 0..5 {
        // The address is that of Apache's client.
        assert_eq!(client.get("/where").await.text(), "GET [] [/where] tcp\n");
    }
}
