//! Plugins of each edition and in hostile code build and serve, or rustc says what to write.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use stackup_tests::packages::{self, Package};
use stackup_tests::site::read;
use stackup_tests::{Host, Site};

const EDITIONS: [&str; 3] = ["2018", "2021", "2024"];

/// The Rust programs in README.md.
fn readme() -> Vec<&'static str> {
    let blocks = include_str!("../../README.md").split("```rust\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap_or_default())
        .collect()
}

/// All packages that must build, with their libraries.
fn built() -> &'static HashMap<String, PathBuf> {
    static BUILT: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| {
        let hostile = include_str!("../authoring/hostile.rs");
        let tokio = include_str!("../authoring/tokio.rs");
        let mut all = Vec::new();
        for edition in EDITIONS {
            all.push(Package::new(format!("hostile-{edition}"), edition, hostile));
            let name = format!("tokio-{edition}");
            all.push(Package {
                features: &["tokio"],
                ..Package::new(name, edition, tokio)
            });
            for (number, example) in readme().into_iter().enumerate() {
                let source = format!("#![deny(warnings)]\n{example}");
                all.push(Package::new(
                    format!("readme-{number}-{edition}"),
                    edition,
                    source,
                ));
            }
        }
        all.push(Package {
            dependency: "api",
            ..Package::new("renamed", "2021", include_str!("../authoring/renamed.rs"))
        });
        packages::build("authoring", &all)
    })
}

fn place(site: &Site, name: &str) {
    let library = &built()[&name.replace('-', "_")];
    site.library(name, &read(library));
}

#[tokio::test]
async fn readme_examples_build_and_serve_in_each_edition() {
    for edition in EDITIONS {
        let (shout, hello) = (format!("readme-0-{edition}"), format!("readme-1-{edition}"));
        let manifest = format!(
            "use = [{{ plugin = \"{shout}\", config = {{ mark = \"!\" }} }}]\nrun = \"{hello}\"\n"
        );
        let site = Site::new(&manifest, &[]);
        place(&site, &shout);
        place(&site, &hello);
        let host = Host::start(&site).await;
        assert_eq!(host.get("/x").await.text(), "HELLO FROM /X!\n", "{edition}");
    }
}

#[tokio::test]
async fn every_form_of_export_serves_without_prelude_in_each_edition() {
    for edition in EDITIONS {
        let name = format!("hostile-{edition}");
        let maps = [
            ("of", "config = { match = 1 }"),
            ("hello", ""),
            ("hello-2", ""),
            ("async", ""),
            ("deep", ""),
            ("echo", ""),
            ("plain-2", "config = { type = \"second\" }"),
        ];
        let layers = ["macro", "macro-2", "pass", "lifetime-2"];
        let layers = layers.map(|layer| format!("\"{name}#{layer}\"")).join(", ");
        let mut manifest = format!(
            "use = [{layers}]\n[run]\nplugin = \"{name}#Plain\"\n\
             config = {{ type = \"first\", others = [\"one\", {{ two = {{ field = 0 }} }}] }}\n"
        );
        for (handler, config) in maps {
            manifest += &format!(
                "[[map]]\npath = \"/{handler}\"\nrun = {{ plugin = \"{name}#{handler}\", {config} }}\n"
            );
        }
        let site = Site::new(&manifest.replace(", }", " }"), &[]);
        place(&site, &name);
        let host = Host::start(&site).await;
        let root = host.get("/").await;
        assert_eq!(root.text(), "first", "{edition}");
        for (path, text) in [
            ("/of", "match"),
            ("/hello", "hello"),
            ("/hello-2", "hello"),
            ("/async", ""),
            ("/deep", "deep"),
            ("/echo", "echo 0"),
            ("/plain-2", "second"),
        ] {
            let res = host.get(path).await;
            assert_eq!(res.text(), text, "{edition} {path}");
            assert_eq!(
                res.header("x-through"),
                Some("lifetime"),
                "{edition} {path}"
            );
        }
    }
}

#[tokio::test]
async fn export_with_tokio_serves_in_each_edition() {
    for edition in EDITIONS {
        let name = format!("tokio-{edition}");
        let manifest = format!(
            "use = [\"{name}#pass\"]\nrun = \"{name}#Sleeps\"\n\
             [[map]]\npath = \"/hello\"\nrun = \"{name}#hello-2\"\n"
        );
        let site = Site::new(&manifest, &[]);
        place(&site, &name);
        let host = Host::start(&site).await;
        assert_eq!(host.get("/").await.text(), "slept", "{edition}");
        assert_eq!(host.get("/hello").await.text(), "hello", "{edition}");
    }
}

#[tokio::test]
async fn plugin_that_renames_the_dependency_serves() {
    let manifest = "[run]\nplugin = \"renamed\"\n\
                    config = { greeting = \"Hello,\", more = { name = \"World\" } }\n";
    let site = Site::new(manifest, &[]);
    place(&site, "renamed");
    let host = Host::start(&site).await;
    assert_eq!(host.get("/").await.text(), "Hello, World");
}

#[test]
fn wrong_export_or_config_says_what_to_write() {
    const HANDLERS: &str = "
use stackup_plugin::{App, Context, Request, Response, Result, StatusCode, config, export};
pub struct Status<T>(T);
impl<T: Default + Send + Sync + 'static> App for Status<T> {
    type Config = ();
    fn init((): (), _cx: &Context) -> Result<Self> {
        Ok(Self(T::default()))
    }
    async fn call(&self, _req: Request) -> Result {
        Ok(Response::new(StatusCode::OK))
    }
}
pub async fn hello() -> &'static str {
    \"\"
}
pub fn not_async() -> &'static str {
    \"\"
}
";
    let cases = [
        ("export!();", "no handlers to export"),
        (
            "export!(tokio; app fn hello);",
            "needs the feature `tokio` of stackup-plugin",
        ),
        (
            "export!(app service not_async);",
            "need the feature `tower` of stackup-plugin",
        ),
        (
            "export!(middleware layer not_async);",
            "need the feature `tower` of stackup-plugin",
        ),
        (
            "export!(application fn hello);",
            "each is `app NAME`, `app fn NAME`",
        ),
        (
            "export!(app fn hello app Status<u8>);",
            "separate handlers by commas",
        ),
        ("export!(app Status<u8>);", "this handler needs a name"),
        (
            "export!(app fn hello as \"a b\");",
            "has only letters, digits, `-` and `_`",
        ),
        (
            "export!(app fn hello, app fn self::hello);",
            "two handlers have the same name",
        ),
        ("export!(app fn not_async);", "write `async fn name()"),
        (
            "export!(middleware Status<u8> as \"status\");",
            "implement `Middleware`",
        ),
        (
            "#[config(api)] pub struct Config {}",
            "`#[config(crate = \"api\")]`",
        ),
    ];
    let packages: Vec<Package> = (0..)
        .zip(cases)
        .map(|(number, (line, _))| {
            let source = format!("{HANDLERS}\n{line}\n");
            Package::new(format!("wrong-{number}"), "2021", source)
        })
        .collect();
    let found = packages::diagnostics("authoring-wrong", &packages);
    for (number, (line, expected)) in (0..).zip(cases) {
        let text = found.get(&format!("wrong_{number}"));
        let text = text.unwrap_or_else(|| panic!("{line} is accepted"));
        assert!(text.contains(expected), "{line}:\n{text}");
    }
}
