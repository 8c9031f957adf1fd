//! A case starts with `#! plugin NAME` and `#! crate NAME` lines, then the manifest, then the steps. A step starts with
//! `### ` and its action: `stackup dev`, `save FILE` with the text below, `remove FILE`, or a request with headers and
//! body.

/// The input of a case.
#[derive(Default)]
pub(super) struct Case {
    /// Plugins of this workspace whose libraries are in `plugins/`.
    pub(super) plugins: Vec<String>,
    /// Plugins that are crates.
    pub(super) crates: Vec<String>,
    pub(super) manifest: String,
    pub(super) steps: Vec<Step>,
}

/// One step of a case.
pub(super) struct Step {
    pub(super) title: String,
    pub(super) text: String,
}

impl Case {
    pub(super) fn parse(input: &str) -> Self {
        let mut case = Self::default();
        for line in input.lines() {
            if let Some(title) = line.strip_prefix("### ") {
                let (title, text) = (title.to_owned(), String::new());
                case.steps.push(Step { title, text });
                continue;
            }
            if let Some(plugin) = line.strip_prefix("#! plugin ") {
                case.plugins.push(plugin.to_owned());
                continue;
            }
            if let Some(plugin) = line.strip_prefix("#! crate ") {
                case.crates.push(plugin.to_owned());
                continue;
            }
            let text = case.steps.last_mut().map(|step| &mut step.text);
            let text = text.unwrap_or(&mut case.manifest);
            text.push_str(line);
            text.push('\n');
        }
        case
    }
}

impl Step {
    /// The file that the step saves.
    pub(super) fn saves(&self) -> Option<&str> {
        self.title.strip_prefix("save ")
    }

    /// Whether the app `offends` blocks its thread in this step, until the gate is opened.
    pub(super) fn blocks(&self) -> bool {
        self.title.ends_with("blocks")
    }

    /// The file that the step removes.
    pub(super) fn removes(&self) -> Option<&str> {
        self.title.strip_prefix("remove ")
    }
}
