//! Stacks of real plugins, built as the host builds them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use stackup::generation::{Brought, Ground, Place, build, resolve};
use stackup::library::{Candidate, RuntimeDir, Shelf};
use stackup::manifest::{self, Settings, Source};
use stackup::stack::Stack;
use stackup_tests::artifacts;

use crate::{READS, SETS, VALUE};

/// Loads libraries for stacks, which must not outlive it.
pub(crate) struct Host {
    shelf: Shelf,
    place: Place,
    runtime: tokio::runtime::Runtime,
}

impl Host {
    pub(crate) fn new() -> Self {
        let built = ["hello", "ten-headers"]
            .map(|name| (name.to_owned(), artifacts::plugin(name).to_path_buf()));
        let dir = RuntimeDir::create(&Candidate::from_env()).expect("a runtime directory");
        Self {
            shelf: Shelf::new(dir),
            place: Place {
                environment: "production".to_owned(),
                directory: PathBuf::from("/"),
                lock: None,
                kept: Vec::new(),
                instead: Vec::new(),
                brought: Brought {
                    files: HashMap::from(built),
                    known: Vec::new(),
                },
            },
            runtime: tokio::runtime::Runtime::new().expect("a runtime"),
        }
    }

    /// The app alone.
    pub(crate) fn app(&mut self) -> Stack {
        self.stack("")
    }

    /// The app behind ten layers that read and set a header.
    pub(crate) fn headers(&mut self) -> Stack {
        let mut text = String::new();
        for (read, set) in READS.iter().zip(SETS) {
            let _ = write!(
                text,
                "[[use]]\nplugin = \"ten-headers#header\"\n\
                 config = {{ read = \"{read}\", set = \"{set}\", value = \"{VALUE}\" }}\n"
            );
        }
        self.stack(&text)
    }

    /// The app behind ten layers that do nothing.
    pub(crate) fn nothing(&mut self) -> Stack {
        self.stack(&"[[use]]\nplugin = \"ten-headers#nothing\"\n".repeat(10))
    }

    fn stack(&mut self, uses: &str) -> Stack {
        let source = Source {
            path: PathBuf::from("config.ru.toml"),
            // The files are cargo's, whose folders may be writable by a group.
            text: format!("[plugins]\ntrust = \"any\"\n{uses}[run]\nplugin = \"hello\"\n"),
        };
        let settings = Settings {
            environment: "production",
            variable: &|_| None,
        };
        let parsed = manifest::parse(&source, &settings).expect("a manifest");
        let ground = Ground {
            place: self.place.clone(),
            runtime: self.runtime.handle().clone(),
            number: 1,
            serving: Vec::new(),
        };
        let resolved = resolve(&parsed.manifest, &self.place, &mut self.shelf, None);
        let resolved = resolved.expect("libraries");
        let built = build(&parsed.manifest.stack, &resolved, &ground);
        built.expect("a stack").stack
    }
}
