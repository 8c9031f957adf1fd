mod allocators;
mod floating_point;
mod process_state;
mod signals;

use std::path::Path;

use stackup_tests::Site;
use stackup_tests::site::read;

/// A site with this manifest and a plugin of `tests/real-crates/`.
fn site(manifest: &str, plugin: &str, library: &Path) -> Site {
    let site = Site::new(manifest, &[]);
    site.library(plugin, &read(library));
    site
}
