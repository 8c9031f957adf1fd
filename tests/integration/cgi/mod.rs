/// A real Apache, by `mod_cgi` and `mod_cgid`.
mod apache;
/// Requests in the environment, as a test puts them there.
mod by_hand;
