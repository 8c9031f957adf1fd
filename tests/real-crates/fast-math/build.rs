//! Links the library as C code is linked that is built with `-ffast-math`: gcc then adds `crtfastmath.o`, whose constructor
//! turns denormal numbers off.

fn main() {
    println!("cargo:rustc-cdylib-link-arg=-ffast-math");
}
