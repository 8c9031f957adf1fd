//! An app that greets: the smallest there is.

#![forbid(unsafe_code)]

async fn hello() -> &'static str {
    "Hello, World!\n"
}

stackup_plugin::export!(app fn hello);
