//! Requests and responses as CGI has them (RFC 3875): what FastCGI and `stackup cgi` have in common.

mod body;
mod environment;
mod request;
mod response;
mod variables;

pub use self::body::{BodyError, Feed, RequestBody, body};
pub use self::environment::Environment;
pub use self::request::{Head, NoRequest, read};
pub use self::response::{bare, head};
pub use self::variables::Variables;
