//! Creates files in a new folder.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::NewError;

/// A file's path in its folder, and its content.
pub(super) type NewFile<'a> = (&'a str, String);

/// Creates `folder` with `files` in it. An existing folder must be empty.
pub(super) fn create(folder: &Path, files: &[NewFile<'_>]) -> Result<(), NewError> {
    check_vacant(folder)?;
    for (name, content) in files {
        let path = folder.join(name);
        if let Some(around) = path.parent() {
            fs::create_dir_all(around).map_err(NewError::io(around, "create"))?;
        }
        let file = fs::File::create_new(&path);
        file.and_then(|mut file| file.write_all(content.as_bytes()))
            .map_err(NewError::io(&path, "write"))?;
    }
    Ok(())
}

/// Checks that `folder` is absent or empty.
pub(super) fn check_vacant(folder: &Path) -> Result<(), NewError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(NewError::NotEmpty(folder.to_path_buf())),
            None => Ok(()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            Err(NewError::IsFile(folder.to_path_buf()))
        }
        Err(error) => Err(NewError::io(folder, "read")(error)),
    }
}

/// `template` with each `{{key}}` replaced by its value.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let fill = |text: String, (key, value): &(&str, &str)| {
        let key = ["{{", key, "}}"].concat();
        text.replace(&key, value)
    };
    values.iter().fold(template.to_owned(), fill)
}
