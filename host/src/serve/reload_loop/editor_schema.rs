//! The manifest's JSON Schema for editors: a file beside the manifest, kept up to date in development.

use std::path::Path;
use std::{fs, io};

use crate::load::atomic_file;
use crate::serve::generation::Reloader;

/// The folder beside the manifest. Everything in it is generated.
const FOLDER: &str = ".stackup";

/// Keeps the schema file in step with the active generation.
#[derive(Debug, Default)]
pub(super) struct EditorSchema {
    /// The generation whose schema is written.
    generation: u64,
}

impl EditorSchema {
    /// Writes the schema if the active generation has changed since the last call. A failure is only
    /// logged: serving does not depend on the file.
    pub(super) async fn update(&mut self, reloader: &Reloader, generation: u64) {
        if self.generation == generation {
            return;
        }
        self.generation = generation;
        let Some(schema) = reloader.active_schema().await else {
            return;
        };
        let folder = reloader.directory().join(FOLDER);
        let text = format!("{schema:#}\n");
        let written = tokio::task::spawn_blocking(move || write(&folder, &text)).await;
        match written {
            Ok(Err(error)) => tracing::debug!("cannot write the schema for editors: {error}"),
            Ok(Ok(())) => tracing::debug!(event = "schema", "the schema for editors is written"),
            Err(error) => tracing::debug!("cannot write the schema for editors: {error}"),
        }
    }
}

fn write(folder: &Path, schema: &str) -> io::Result<()> {
    let (ignore, file) = (folder.join(".gitignore"), folder.join("schema.json"));
    if fs::read_to_string(&file).is_ok_and(|before| before == schema) {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    if !ignore.exists() {
        atomic_file::write(&ignore, b"*\n")?;
    }
    atomic_file::write(&file, schema.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_schema_is_not_rewritten_and_git_ignores_it() {
        let site = tempfile::tempdir().unwrap();
        let folder = site.path().join(FOLDER);
        write(&folder, "1").unwrap();
        assert_eq!(
            fs::read_to_string(folder.join(".gitignore")).unwrap(),
            "*\n"
        );
        let file = folder.join("schema.json");
        let before = fs::metadata(&file).unwrap().modified().unwrap();
        write(&folder, "1").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), before);
        write(&folder, "2").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "2");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }
}
