//! Pages in a real Chromium, controlled through WebDriver.
//!
//! Without `chromium` and `chromedriver`, each test prints that it skips.

/// A browser, and waits for its page.
mod driver;
/// A WebSocket on a page's connection of HTTP/2.
mod http2;
/// The page at `/_stackup/`.
mod inspector;
/// The site's own pages: overlay, reload, error page.
mod pages;
/// WebSockets and event streams over reloads.
mod streams;
/// The inspector by TLS.
mod tls;
/// Workers that are replaced while a page is open.
mod workers;

use stackup_tests::http::Response;
use stackup_tests::{Host, Site};

use self::driver::Browser;

/// A page with a head and a body, as a query of `answers`.
const PAGE: &str = "header=content-type:text/html&body=<!DOCTYPE html><head></head><h1>A page</h1>";

/// The response to a GET with the host's own name.
async fn get(host: &Host, target: &str) -> Response {
    let mut connection = host.connect().await;
    let address = host.address();
    let request = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    connection.send(request).await;
    connection.response().await
}

/// A site with this manifest in development, and a browser. `None` without a browser.
async fn develop(manifest: &str, plugins: &[&str]) -> Option<(Site, Host, Browser)> {
    let browser = Browser::start().await?;
    let site = Site::new(manifest, plugins);
    let host = Host::develop(&site).await;
    Some((site, host, browser))
}
