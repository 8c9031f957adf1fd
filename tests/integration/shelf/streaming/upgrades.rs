//! No plugin of the shelf stands in the way of a connection that changes its protocol, and Lint has nothing against it.

use stackup_tests::{Host, Site};

use super::mounted::{MOUNTED, Mounted};

#[tokio::test]
async fn upgrade_passes_each_middleware_and_all_of_them() {
    let map = |path: &str, layers: &str| {
        format!("[[map]]\npath = \"/{path}\"\nuse = [{layers}]\nrun = \"upgrades\"\n")
    };
    let all: Vec<String> = MOUNTED.iter().map(Mounted::directive).collect();
    let mut manifest = format!(
        "run = \"upgrades\"\n[server]\ntrusted_proxies = [\"127.0.0.1\"]\n{}",
        map("all", &all.join(", "))
    );
    for mounted in MOUNTED {
        manifest += &map(mounted.name, &mounted.directive());
    }
    let names = MOUNTED.iter().map(|mounted| mounted.name);
    let site = Site::new(&manifest, &names.chain(["upgrades"]).collect::<Vec<_>>());
    let host = Host::develop(&site).await;
    let every: Vec<_> = MOUNTED
        .iter()
        .flat_map(|mounted| mounted.lines)
        .copied()
        .collect();
    let paths = MOUNTED.iter().map(|mounted| (mounted.name, mounted.lines));
    for (path, lines) in paths.chain([("all", &every[..])]) {
        // If one hangs, its name is the last one printed.
        eprintln!("{path}");
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let mut connection = host.connect().await;
        let request = format!(
            "GET /{path}/echo HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n{lines}\r\n"
        );
        connection.send(request).await;
        let head = connection.head().await;
        assert_eq!(
            (head.status, head.header("upgrade")),
            (101, Some("echo")),
            "{path}"
        );
        for text in ["first", "second"] {
            connection.send(text).await;
            let back = connection.part(text.len()).await.expect("an echo");
            assert_eq!(back, text.as_bytes(), "{path}");
        }
        connection.half_close().await;
        assert_eq!(connection.rest().await, b"bye", "{path}");
    }
    let finding = host.log().try_take(|record| record.event() == "lint");
    assert!(finding.is_none(), "{finding:?}");
}
