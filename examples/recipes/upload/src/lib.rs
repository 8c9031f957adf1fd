//! Stores the files of a form, of any size, while they arrive.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use http_body_util::BodyDataStream;
use multer::{Field, Multipart, parse_boundary};
use stackup_plugin::serde_json::{Value, json};
use stackup_plugin::{App, Context, Error, IntoResponse, Json, Request, Result, StatusCode};
use tempfile::Builder;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio::task::spawn_blocking;

#[stackup_plugin::config]
pub struct Config {
    /// The folder for the files, from the manifest's folder.
    folder: PathBuf,
}

/// Has the folder.
pub struct Upload(PathBuf);

impl App for Upload {
    type Config = Config;

    fn init(config: Config, cx: &Context) -> Result<Self> {
        let folder = cx.directory().join(config.folder);
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    async fn call(&self, mut req: Request) -> Result {
        let kind = req.header("content-type").unwrap_or_default();
        let boundary = parse_boundary(kind)
            .map_err(|error| bad(error).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))?;
        let mut form = Multipart::new(BodyDataStream::new(req.take_body()), boundary);
        let mut files = Vec::new();
        while let Some(field) = form.next_field().await.map_err(bad)? {
            if field.file_name().is_some() {
                files.push(store(&self.0, field).await?);
            }
        }
        (StatusCode::CREATED, Json(files)).into_response()
    }
}

/// The client's name for the file is only repeated: as a path it might lead anywhere.
async fn store(folder: &Path, mut field: Field<'_>) -> Result<Value> {
    let folder = folder.to_owned();
    let made = spawn_blocking(|| Builder::new().prefix("").tempfile_in(folder)).await??;
    // The path removes the file again, unless it is kept: where the client leaves, or the body fails.
    let (file, path) = made.into_parts();
    let mut file = File::from_std(file);
    let mut bytes = 0;
    while let Some(chunk) = field.chunk().await.map_err(bad)? {
        file.write_all(&chunk).await?;
        bytes += chunk.len();
    }
    file.flush().await?;
    let path = path.keep()?;
    let stored = path.file_name().map(|name| name.to_string_lossy());
    Ok(json!({ "name": field.file_name(), "bytes": bytes, "stored": stored }))
}

/// What is no form is the client's fault; a body that is too long, or stops, has a status already.
fn bad(error: multer::Error) -> Error {
    Error::from(error).or_status(StatusCode::BAD_REQUEST)
}

stackup_plugin::export!(tokio; app Upload);

#[cfg(test)]
mod tests {
    use stackup_plugin::Body;
    use stackup_plugin::testing::{self, Mounted, TestRequest, block_on, post};

    use super::*;

    fn mounted(folder: &Path) -> Mounted {
        testing::with_tokio(|| testing::app::<Upload>(json!({ "folder": folder }))).unwrap()
    }

    fn form(body: impl Into<Body>) -> TestRequest {
        post("/", body).header("content-type", "multipart/form-data; boundary=-8-")
    }

    fn files(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let files = entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        files.collect()
    }

    const FILE: &str = "---8-\r\ncontent-disposition: form-data; name=\"f\"; filename=\"../../tea.txt\"\r\n\r\nAssam";

    #[test]
    fn files_are_stored_and_other_fields_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let app = mounted(folder.path());
        let body = format!(
            "{FILE}\r\n---8-\r\ncontent-disposition: form-data; name=\"text\"\r\n\r\nno file\r\n---8---\r\n"
        );
        let res = block_on(app.answer(form(body))).unwrap();
        assert_eq!(res.status(), 201);
        let told = block_on(res.finish()).unwrap();
        assert!(
            told.starts_with("[{\"bytes\":5,\"name\":\"../../tea.txt\",\"stored\":\""),
            "{told}"
        );
        assert_eq!(files(folder.path()), ["Assam"]);
    }

    #[test]
    fn form_that_ends_too_early_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let app = mounted(folder.path());
        let error = block_on(app.answer(form(FILE))).unwrap_err();
        assert_eq!(error.status(), 400, "{error}");
        let error = block_on(app.answer(post("/", "tea"))).unwrap_err();
        assert_eq!(error.status(), 415, "{error}");
        assert!(files(folder.path()).is_empty());
    }

    #[test]
    fn status_of_a_body_that_fails_stays() {
        let folder = tempfile::tempdir().unwrap();
        let app = mounted(folder.path());
        let (mut sender, body) = Body::channel(2);
        block_on(sender.send(FILE)).unwrap();
        sender.fail(Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too long"));
        let error = block_on(app.answer(form(body))).unwrap_err();
        assert_eq!(error.status(), 413, "{error}");
        assert!(files(folder.path()).is_empty());
    }
}
