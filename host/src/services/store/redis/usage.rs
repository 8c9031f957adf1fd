//! What the namespaces take in Redis.

use redis::aio::MultiplexedConnection;
use redis::cmd;
use stackup_plugin::abi::host::StoreFailure;

use super::connection::Connection;
use super::names::{Names, bounds, namespace_of};
use super::script;
use crate::services::store::command::NamespaceUse;

/// The keys that Redis looks at in one step.
const STEP: usize = 1000;

/// Goes through all of Redis' keys, in steps of bounded time.
pub(super) async fn usage(
    connection: &Connection,
    prefix: &str,
) -> Result<Vec<NamespaceUse>, StoreFailure> {
    let mut link = connection.link().await?;
    let mut uses = Vec::new();
    let pattern = format!("{prefix}:{{*}}:keys");
    let mut cursor = 0_u64;
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(&pattern);
        scan.arg("COUNT").arg(STEP);
        let scanned = connection.step(scan.query_async(&mut link)).await?;
        let (next, found): (u64, Vec<String>) = scanned;
        for namespace in found.iter().filter_map(|name| namespace_of(prefix, name)) {
            let one = one(connection, &mut link, prefix, namespace).await?;
            uses.extend((one.entries > 0).then_some(one));
        }
        if next == 0 {
            break;
        }
        cursor = next;
    }
    // A scan of Redis may find a key twice.
    uses.sort();
    uses.dedup_by(|one, other| one.namespace == other.namespace);
    Ok(uses)
}

async fn one(
    connection: &Connection,
    link: &mut MultiplexedConnection,
    prefix: &str,
    namespace: &str,
) -> Result<NamespaceUse, StoreFailure> {
    let names = Names::new(prefix, namespace);
    let (mut entries, mut bytes) = (0, 0);
    let (mut from, to) = bounds(b"", None);
    loop {
        let mut call = script::USAGE.prepare_invoke();
        call.key(names.entry(b"")).key(names.version());
        call.key(names.keys()).key(names.ends());
        call.arg(b"").arg(names.entries());
        call.arg(&from).arg(&to).arg(STEP);
        let counted = connection.step(call.invoke_async(link)).await?;
        let (last, more_entries, more_bytes): (Vec<u8>, u64, u64) = counted;
        entries += more_entries;
        bytes += more_bytes;
        if last.is_empty() {
            break;
        }
        from = [b"(", &*last].concat();
    }
    Ok(NamespaceUse {
        namespace: namespace.to_owned(),
        entries,
        bytes,
    })
}
