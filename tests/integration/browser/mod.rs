//! What a person sees, in a real Chromium that is driven through WebDriver.
//!
//! Where there is no `chromium` and no `chromedriver`, the tests say aloud that they skip.

/// A browser, and how to wait for what its page shows.
mod driver;
/// The page at `/_stackup/`.
mod inspector;
/// The site's own pages: the overlay, the reload, the error page.
mod pages;
/// Workers that come and go while a page is open.
mod workers;

use stackup_tests::http::Response;
use stackup_tests::{Host, Site};

use self::driver::Browser;

/// A page whose head can be told from its body, as a query of `answers`.
const PAGE: &str = "header=content-type:text/html&body=<!DOCTYPE html><head></head><h1>A page</h1>";

/// The response to a plain GET by the host's own name.
async fn get(host: &Host, target: &str) -> Response {
    let mut connection = host.connect().await;
    let address = host.address();
    let request = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    connection.send(request).await;
    connection.response().await
}

/// A site with this manifest in development, and a browser beside it; none where there is no browser.
async fn develop(manifest: &str, plugins: &[&str]) -> Option<(Site, Host, Browser)> {
    let browser = Browser::start().await?;
    let site = Site::new(manifest, plugins);
    let host = Host::develop(&site).await;
    Some((site, host, browser))
}
