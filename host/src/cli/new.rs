//! `stackup new`: makes a site or a plugin, and says what to do with it.

use std::path::Path;
use std::process::ExitCode;

use super::arguments::New;
use super::check::complain;
use crate::develop::scaffold::{plugin, site};
use crate::load::library::HandlerKind;

pub(super) fn new(new: &New) -> ExitCode {
    let made = match new {
        New::Site { name, api } => {
            site(name, api.plugin_api.as_deref()).map(|made| made.to_string())
        }
        New::Plugin {
            name,
            app,
            site,
            api,
            ..
        } => {
            // It is one of two: clap sees to that.
            let kind = match app {
                true => HandlerKind::App,
                false => HandlerKind::Middleware,
            };
            let from = site.as_deref().unwrap_or(Path::new("."));
            plugin(name, kind, from, api.plugin_api.as_deref()).map(|made| made.to_string())
        }
    };
    match made {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
