//! `#! plugin NAME` and `#! crate NAME` say what is there, then comes the manifest, then the steps. A step begins with
//! `### ` and what is done: `stackup dev`, `save FILE` with its text below, `remove FILE`, or a request with its headers and its body.

/// What is above the dashes.
#[derive(Default)]
pub(super) struct Case {
    /// Plugins of this workspace whose libraries are in `plugins/`.
    pub(super) plugins: Vec<String>,
    /// Plugins that are crates.
    pub(super) crates: Vec<String>,
    pub(super) manifest: String,
    pub(super) steps: Vec<Step>,
}

/// What is done, and with what.
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
    /// The file that is saved, if this is that.
    pub(super) fn saves(&self) -> Option<&str> {
        self.title.strip_prefix("save ")
    }

    /// The file that is removed.
    pub(super) fn removes(&self) -> Option<&str> {
        self.title.strip_prefix("remove ")
    }
}
