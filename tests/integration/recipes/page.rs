//! docs/recipes.md shows the code of the recipes.

use std::fs;

use super::{folder, recipes};

/// A block of the page: its language, and the file that the line above it links.
struct Block<'p> {
    language: &'p str,
    file: Option<&'p str>,
    text: String,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    let mut file = None;
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text = lines.by_ref().take_while(|line| *line != "```");
            let text = text.map(|line| format!("{line}\n")).collect();
            blocks.push(Block {
                language,
                file: file.take(),
                text,
            });
        } else if !line.is_empty() {
            let link = line.rsplit_once("](../examples/recipes/");
            file = link.and_then(|(_, link)| link.strip_suffix("):"));
        }
    }
    blocks
}

/// A file of the recipes without its tests.
fn code(file: &str) -> String {
    let text = fs::read_to_string(folder().join(file));
    let text = text.unwrap_or_else(|error| panic!("{file}: {error}"));
    let (code, _tests) = text.split_once("\n#[cfg(test)]").unwrap_or((&text, ""));
    code.to_owned()
}

#[test]
fn page_shows_the_code_of_each_recipe() {
    let page = include_str!("../../../docs/recipes.md");
    let mut shown = Vec::new();
    for block in blocks(page) {
        match (block.language, block.file) {
            ("rust", Some(file)) => {
                assert!(block.text == code(file), "the page shows another {file}");
                shown.push(file);
            }
            ("toml", Some(file)) => {
                let code = code(file);
                assert!(code.contains(&block.text), "{file} has no\n{}", block.text);
            }
            ("console", None) => {}
            (language, file) => panic!("a block in `{language}` of {file:?}:\n{}", block.text),
        }
    }
    for name in recipes() {
        for entry in fs::read_dir(folder().join(&name).join("src")).expect("sources") {
            let file = entry.expect("an entry").file_name();
            let file = format!("{name}/src/{}", file.display());
            assert!(shown.contains(&&*file), "the page does not show {file}");
        }
    }
}

#[test]
fn axum_program_becomes_a_plugin_by_five_lines() {
    let (program, plugin) = (code("axum-app/src/main.rs"), code("axum-app/src/lib.rs"));
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
    let new = plugin.lines().filter(is_code);
    let new: Vec<&str> = new
        .filter(|line| !program.lines().any(|old| old == *line))
        .collect();
    assert_eq!(new.len(), 5, "{new:#?}");
}
