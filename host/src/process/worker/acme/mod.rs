//! The certificates that stackup orders: when, and by which worker. Orders run one after the other, on a thread of their own.

mod attempts;
mod certificate_order;
mod client;
mod error;
mod exchange;

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use self::certificate_order::CertificateOrder;
use super::certificates::OrderReports;
use crate::load::certificates::CertificatePlace;
use crate::load::manifest::CertificateFiles;
use crate::serve::server::Phase;
use crate::services::FetchHub;

/// How often the certificates' ends are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

/// Orders certificates while the worker serves. One that retires leaves what it has begun to the next.
pub(super) fn order_certificates(
    files: Vec<CertificateFiles>,
    place: &CertificatePlace,
    reports: &OrderReports,
    mut phase: watch::Receiver<Phase>,
) {
    if files.is_empty() {
        return;
    }
    let runtime = Handle::current();
    // Not the hub of plugins: status shows those.
    let fetch = FetchHub::new(runtime.clone());
    let orders = files.into_iter().filter_map(|files| {
        CertificateOrder::new(files, place.clone(), fetch.clone(), reports.clone())
    });
    let orders: Vec<_> = orders.collect();
    // Writes wait for the disk.
    tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                // An error means that the worker has ended.
                _ = phase.wait_for(|phase| *phase != Phase::Serving) => {}
                () = run(&orders) => {}
            }
        });
    });
}

async fn run(orders: &[CertificateOrder]) {
    loop {
        let mut wait = LOOK_AGAIN;
        for order in orders {
            wait = wait.min(order.advance().await);
        }
        tokio::time::sleep(wait).await;
    }
}
