//! `trusted_proxies`, which these plugins once had each for itself.

use stackup_plugin::{Error, Result};

/// Refuses proxies: the manifest names them for every layer, so that all of them agree on the client.
///
/// # Errors
///
/// At the key `trusted_proxies`, unless it is empty.
pub fn refuse_proxies(proxies: &[String]) -> Result<()> {
    if proxies.is_empty() {
        return Ok(());
    }
    let message = format!(
        "proxies are trusted for the whole site: write `trusted_proxies = {proxies:?}` below `[server]`"
    );
    Err(Error::config("trusted_proxies", message))
}
