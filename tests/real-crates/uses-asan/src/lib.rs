//! An app that calls C code which is built with AddressSanitizer.

use std::ffi::c_int;

use stackup_plugin::{IntoResponse, Result};

unsafe extern "C" {
    safe fn checked_sum(up_to: c_int) -> c_int;
}

async fn app() -> Result {
    checked_sum(3).to_string().into_response()
}

stackup_plugin::export!(app fn app);
