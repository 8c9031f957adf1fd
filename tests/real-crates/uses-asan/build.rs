//! Builds the C code with AddressSanitizer. Its runtime is not linked: rustc links no such library of the compiler's.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=src/checked.c");
    let object = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("checked.o");
    let status = Command::new("cc")
        .args(["-fsanitize=address", "-fPIC", "-c", "src/checked.c", "-o"])
        .arg(&object)
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cc has AddressSanitizer"
    );
    println!("cargo:rustc-cdylib-link-arg={}", object.display());
}
