//! The host as the upstream of a real nginx: no response to a POST is lost.
//!
//! Without `nginx`, each test prints that it skips.

use stackup_tests::{Host, Site};

use super::nginx::Nginx;

/// Requests of each kind, in sequence.
const REQUESTS: usize = 8;

/// The bodies, in bytes.
const SIZES: [usize; 4] = [100, 20_000, 200_000, 1_000_000];

/// `/pooled` keeps connections to the host, `/streamed` passes bodies on as they come, `/plain` is nginx's default.
const SERVER: &str = "
    client_max_body_size 0;
    location /pooled {
        proxy_pass http://host;
        proxy_http_version 1.1;
        proxy_set_header connection '';
    }
    location /streamed {
        proxy_pass http://host;
        proxy_http_version 1.1;
        proxy_set_header connection '';
        proxy_request_buffering off;
    }
    location /plain {
        proxy_pass http://host;
    }
";

/// Sends a POST that the host does not read, and returns the status.
async fn post(nginx: &Nginx, target: &str, size: usize, field: &str) -> u16 {
    let mut connection = nginx.connect().await;
    let head = format!("POST {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{field}");
    let mut request = match field.contains("chunked") {
        true => format!("{head}\r\n{size:x}\r\n").into_bytes(),
        false => format!("{head}content-length: {size}\r\n\r\n").into_bytes(),
    };
    request.resize(request.len() + size, b'x');
    if field.contains("chunked") {
        request.extend_from_slice(b"\r\n0\r\n\r\n");
    }
    // nginx may have answered, and closed, before all is sent.
    let _ = connection.try_send(&request).await;
    let mut head = connection.head().await;
    while head.status == 100 {
        head = connection.head().await;
    }
    head.status
}

/// Asserts that every POST gets `status`, whatever its body and its way through nginx.
async fn assert_all_get(nginx: &Nginx, query: &str, status: u16) {
    let fields = [
        "",
        "transfer-encoding: chunked\r\n",
        "expect: 100-continue\r\n",
    ];
    for location in ["pooled", "streamed", "plain"] {
        for (size, field) in SIZES
            .into_iter()
            .flat_map(|size| fields.map(|field| (size, field)))
        {
            let target = format!("/{location}{query}");
            for number in 0..REQUESTS {
                let got = post(nginx, &target, size, field).await;
                assert_eq!(
                    got, status,
                    "{target}, {size} bytes, {field:?}, request {number}"
                );
            }
        }
    }
}

#[tokio::test]
async fn unread_posts_get_their_response_through_nginx() {
    let site = Site::new("run = \"answers\"\n", &["answers"]);
    let host = Host::start(&site).await;
    let Some(nginx) = Nginx::start(host.address(), SERVER).await else {
        return;
    };
    assert_all_get(&nginx, "", 200).await;
    assert_all_get(&nginx, "?status=401", 401).await;
    assert_all_get(&nginx, "?fail=no&status=405", 405).await;
}

#[tokio::test]
async fn refused_posts_get_their_413_through_nginx() {
    let site = Site::new(
        "run = \"answers\"\n[limits]\nbody_bytes = 10\n",
        &["answers"],
    );
    let host = Host::start(&site).await;
    let Some(nginx) = Nginx::start(host.address(), SERVER).await else {
        return;
    };
    // It reads the body, so that a chunked one meets the limit too.
    assert_all_get(&nginx, "?env=X", 413).await;
}

#[tokio::test]
async fn posts_through_nginx_survive_a_restart() {
    let site = Site::new("run = \"answers\"\n", &["answers"]);
    let host = Host::start(&site).await;
    let Some(nginx) = Nginx::start(host.address(), SERVER).await else {
        return;
    };
    let posts = async {
        for number in 0..200 {
            let size = SIZES[number % SIZES.len()];
            let got = post(&nginx, "/pooled", size, "").await;
            assert_eq!(got, 200, "{size} bytes, request {number}");
        }
    };
    let restarts = async {
        for _ in 0..2 {
            let said = site.stackup(&["restart"]).await;
            assert_eq!(said.code, Some(0), "{said:?}");
        }
    };
    tokio::join!(posts, restarts);
}
