//! An app that uses tokio without the feature for a runtime.

#![forbid(unsafe_code)]

use std::time::Duration;

async fn tokio_missing(req: stackup_plugin::Request) -> String {
    if req.path_info() == "/spawn" {
        tokio::spawn(async {});
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    "slept\n".to_owned()
}

stackup_plugin::export!(app fn tokio_missing);
