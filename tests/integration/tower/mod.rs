//! Services and layers of tower as handlers, with axum and tower-http: `tests/real-crates/uses-tower`.

mod layers;
mod reloads;
mod router;

use stackup_tests::site::read;
use stackup_tests::{Host, Site, artifacts};

/// A site of `uses-tower`. `None` if its crates are not to be built.
fn site(manifest: &str) -> Option<Site> {
    let library = read(artifacts::real_crate("uses-tower")?);
    let site = Site::new(manifest, &[]);
    site.library("uses-tower", &library);
    Some(site)
}

/// The same, and it runs.
async fn started(manifest: &str) -> Option<(Site, Host)> {
    let site = site(manifest)?;
    let host = Host::start(&site).await;
    Some((site, host))
}
