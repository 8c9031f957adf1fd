//! A small HTTP/1.1 client that shows what is on the wire.

mod connection;
mod response;

pub use self::connection::{Connection, Socket};
pub use self::response::{Head, Response};
