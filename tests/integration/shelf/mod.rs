//! The plugins of `plugins/`, each through a real host.

mod basic_auth;
mod body_limit;
mod cache;
mod cache_command;
mod concurrency_limit;
mod conditional_get;
mod config;
mod content_length;
mod content_type;
mod cors;
mod deflater;
mod directory;
mod echo;
mod etag;
mod files;
mod force_ssl;
mod head;
mod health;
mod host_authorization;
mod lint;
mod lock;
mod logger;
mod maintenance;
mod method_override;
mod null_logger;
mod order;
mod recursive;
mod redirect;
mod respond;
mod rewrite;
mod runtime;
mod security;
mod security_headers;
mod sendfile;
mod session;
mod show_exceptions;
mod show_status;
mod r#static;
mod streaming;
mod throttle;
mod timeout;

use stackup_tests::{Connection, Host, Site, http::Response};

/// A host that serves `answers` below these directives of `use`, for which it needs these plugins.
async fn serve(layers: &str, plugins: &[&str]) -> (Site, Host) {
    serve_in("production", layers, plugins).await
}

/// The same in another environment.
async fn serve_in(environment: &str, layers: &str, plugins: &[&str]) -> (Site, Host) {
    let manifest = format!("use = [{layers}]\nrun = \"answers\"\n");
    let site = Site::new(&manifest, &[plugins, &["answers"]].concat());
    let host = Host::start_in(environment, &site).await;
    (site, host)
}

/// A host that serves this manifest with these plugins.
async fn serve_site(manifest: &str, plugins: &[&str]) -> (Site, Host) {
    let site = Site::new(manifest, plugins);
    let host = Host::start(&site).await;
    (site, host)
}

/// The response to a request without a body, with these lines after the first.
async fn ask(connection: &mut Connection, start: &str, headers: &[&str]) -> Response {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let head = format!("{start} HTTP/1.1\r\nhost: test\r\n{lines}\r\n");
    connection.send(head).await;
    match start.starts_with("HEAD ") {
        true => Response {
            head: connection.head().await,
            ..Response::default()
        },
        false => connection.response().await,
    }
}
