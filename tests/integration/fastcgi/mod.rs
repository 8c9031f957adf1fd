//! FastCGI as web servers in front see it.

/// A real Apache in front, by `proxy_fcgi`.
mod apache;
/// Bodies of requests and responses, piece by piece.
mod bodies;
/// What ends a request, and a connection.
mod endings;
/// Sizes, counts and times.
mod limits;
/// A real nginx in front, by `fastcgi_pass`.
mod nginx;
/// Records that are no part of a request, or none at all.
mod records;
/// Reloads and restarts.
mod reloads;
/// Params as layers see them.
mod requests;

use stackup_tests::{Connection, FastcgiClient, Host, Site, artifacts};

/// A host of `plugin` that listens for FastCGI, with these lines below `[server]`.
async fn serve(plugin: &str, lines: &str) -> (Site, Host) {
    let listen = "listen = [\"fastcgi://127.0.0.1:0\"]";
    let manifest = format!("run = \"{plugin}\"\n[server]\n{listen}\n{lines}\n");
    let site = Site::new(&manifest, &[plugin]);
    let mut host = Host::launch(artifacts::stackup(), &site, &[]);
    let url = host.ready().await;
    assert!(url.starts_with("fastcgi://127.0.0.1:"), "{url}");
    (site, host)
}

async fn connect(host: &Host) -> FastcgiClient {
    FastcgiClient::tcp(host.address()).await
}

/// Asserts that bodies of all sizes go through a front server to `probe`, both ways.
pub(crate) async fn check_bodies(client: &mut Connection) {
    for length in [0, 100, 100_000, 5_000_000] {
        let response = client.post("/length", &vec![b'x'; length]).await;
        assert_eq!(response.text(), length.to_string());
        let big = client.get(&format!("/big?bytes={length}")).await;
        assert_eq!(big.body.len(), length);
    }
    let chunks = client.get("/chunks?count=3").await;
    assert_eq!(chunks.text(), "chunk 0\nchunk 1\nchunk 2\n");
}
