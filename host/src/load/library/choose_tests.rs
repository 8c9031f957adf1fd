use super::*;
use crate::load::library::sample;

use HandlerKind::{App, Middleware};

fn plugin(name: &str, handlers: &[(HandlerKind, &str)]) -> Metadata {
    let handlers = handlers.iter();
    let handlers = handlers.map(|&(kind, name)| HandlerInfo {
        kind,
        name: name.to_owned(),
    });
    Metadata {
        name: name.to_owned(),
        handlers: handlers.collect(),
        ..sample::metadata()
    }
}

fn chosen(plugin: &Metadata, handler: Option<&str>, wanted: HandlerKind) -> String {
    match plugin.choose(handler, wanted) {
        Ok(handler) => handler.name.clone(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_name_means_that_handler() {
    let auth = plugin(
        "auth",
        &[
            (Middleware, "basic"),
            (Middleware, "digest"),
            (App, "login"),
        ],
    );
    assert_eq!(chosen(&auth, Some("digest"), Middleware), "digest");
    assert_eq!(chosen(&auth, Some("login"), App), "login");
}

#[test]
fn no_name_means_the_only_one_of_the_kind() {
    let auth = plugin("auth", &[(Middleware, "basic"), (App, "login")]);
    assert_eq!(chosen(&auth, None, Middleware), "basic");
    assert_eq!(chosen(&auth, None, App), "login");
}

#[test]
fn no_name_means_the_one_named_as_the_plugin() {
    let auth = plugin(
        "basic-auth",
        &[(Middleware, "Digest"), (Middleware, "BasicAuth")],
    );
    assert_eq!(chosen(&auth, None, Middleware), "BasicAuth");
}

#[test]
fn several_are_listed() {
    let auth = plugin(
        "auth",
        &[
            (Middleware, "basic"),
            (App, "login"),
            (Middleware, "digest"),
        ],
    );
    assert_eq!(
        chosen(&auth, None, Middleware),
        "plugin `auth` has more than one middleware: say which, `auth#basic`, `auth#digest`"
    );
}

#[test]
fn an_unknown_name_gets_a_suggestion_and_the_list() {
    let auth = plugin("auth", &[(Middleware, "Basic"), (Middleware, "Digest")]);
    assert_eq!(
        chosen(&auth, Some("basik"), Middleware),
        "plugin `auth` has no handler `basik`, did you mean `Basic`?; \
         it has `auth#Basic`, `auth#Digest`"
    );
    assert_eq!(
        chosen(&auth, Some("zzz"), Middleware),
        "plugin `auth` has no handler `zzz`; it has `auth#Basic`, `auth#Digest`"
    );
}

#[test]
fn the_wrong_kind_says_where_it_belongs() {
    let hello = plugin("hello", &[(App, "hello")]);
    assert_eq!(
        chosen(&hello, None, Middleware),
        "`use` takes a middleware, but `hello#hello` is an app: put it under `run`"
    );
    let logger = plugin("logger", &[(Middleware, "Logger"), (Middleware, "Other")]);
    assert_eq!(
        chosen(&logger, Some("Logger"), App),
        "`run` takes an app, but `logger#Logger` is a middleware: put it under `use`"
    );
    assert_eq!(
        chosen(&logger, None, App),
        "`run` takes an app, but plugin `logger` has none; it has `logger#Logger`, `logger#Other`"
    );
}
