//! The plugins of the shelf, as HTTP clients meet them.

/// Listings.
mod directory;
/// What comes back while it goes out.
mod echo;
/// Files below a directory.
mod files;
/// https, or not at all.
mod force_ssl;
/// That all is well.
mod health;
/// While the site is being worked on.
mod maintenance;
/// Clients that are sent elsewhere.
mod redirect;
/// The same answer always.
mod respond;
/// Paths that become others.
mod rewrite;
/// Files that the server in front sends.
mod sendfile;
/// Files before the app.
mod r#static;

use stackup_tests::{Host, Site};

/// A host that serves this manifest with these plugins.
async fn serve(manifest: &str, plugins: &[&str]) -> (Site, Host) {
    let site = Site::new(manifest, plugins);
    let host = Host::start(&site).await;
    (site, host)
}
