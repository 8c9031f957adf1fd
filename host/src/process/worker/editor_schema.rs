//! What editors read of a site: the schema of its manifest, kept beside it in development.

use std::path::Path;
use std::{fs, io};

use crate::load::atomic_file;
use crate::serve::generation::Reloader;

/// The folder beside the manifest; nothing in it is anybody's work.
const FOLDER: &str = ".stackup";

/// Keeps the schema as fresh as what serves.
#[derive(Debug, Default)]
pub(super) struct EditorSchema {
    /// The generation whose schema is written.
    generation: u64,
}

impl EditorSchema {
    /// Writes the schema, if another generation serves than the last time. What goes wrong harms
    /// nobody who serves.
    pub(super) async fn tell(&mut self, reloader: &Reloader, generation: u64) {
        if self.generation == generation {
            return;
        }
        self.generation = generation;
        let Some(schema) = reloader.active_schema().await else {
            return;
        };
        let folder = reloader.directory().join(FOLDER);
        let text = format!("{schema:#}\n");
        let written = tokio::task::spawn_blocking(move || keep(&folder, &text)).await;
        match written {
            Ok(Err(error)) => tracing::debug!("the schema for editors can't be written: {error}"),
            Ok(Ok(())) => tracing::debug!(event = "schema", "editors have the schema"),
            Err(error) => tracing::debug!("the schema for editors is lost: {error}"),
        }
    }
}

fn keep(folder: &Path, schema: &str) -> io::Result<()> {
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
    fn it_is_written_only_when_it_differs_and_stays_out_of_git() {
        let site = tempfile::tempdir().unwrap();
        let folder = site.path().join(FOLDER);
        keep(&folder, "1").unwrap();
        assert_eq!(
            fs::read_to_string(folder.join(".gitignore")).unwrap(),
            "*\n"
        );
        let file = folder.join("schema.json");
        let before = fs::metadata(&file).unwrap().modified().unwrap();
        keep(&folder, "1").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), before);
        keep(&folder, "2").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "2");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }
}
