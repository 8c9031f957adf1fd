//! An app whose global allocator is jemalloc.

#![forbid(unsafe_code)]

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Identifies this library among its copies: tests patch the digits in the file.
const CODE: &str = "stackup-jemalloc-code-00000000";

async fn app() -> String {
    std::hint::black_box(CODE).to_owned()
}

stackup_plugin::export!(app fn app);
