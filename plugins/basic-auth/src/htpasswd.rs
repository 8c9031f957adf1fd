//! The htpasswd file, reloaded when it has changed.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use checked_file::{ReadError, Trust, read_trusted_text};
use stackup_plugin::tracing;

use crate::users::Users;

/// How large the file may be: about 100,000 users.
const MAX_LEN: u64 = 8 << 20;

/// The users of the manifest and of a file.
pub(crate) struct Htpasswd {
    named: Users,
    file: Option<Arc<PathBuf>>,
    /// Whose file to accept.
    trust: Trust,
    every: Duration,
    seen: Mutex<Seen>,
}

struct Seen {
    users: Arc<Users>,
    stamp: Option<Stamp>,
    looked: Instant,
}

/// Identifies a state of the file without reading it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

/// The stamp of a file and its users. The stamp is taken first, so that a write during the read is noticed later.
type Read = (Stamp, Result<Users, String>);

impl Htpasswd {
    /// Reads the file.
    pub(crate) fn new(
        named: Users,
        file: Option<PathBuf>,
        trust: Trust,
        every: Duration,
    ) -> Result<Self, String> {
        let mut seen = Seen {
            users: Arc::new(named.clone()),
            stamp: None,
            looked: Instant::now(),
        };
        if let Some(file) = &file {
            let (stamp, users) = read(file, trust, None)?.ok_or("the file is empty")?;
            seen.users = Arc::new(named.or(users.map_err(|why| shown(file, &why))?));
            seen.stamp = Some(stamp);
        }
        Ok(Self {
            named,
            file: file.map(Arc::new),
            trust,
            every,
            seen: Mutex::new(seen),
        })
    }

    /// The current users. They stay as they were if the file can't be read.
    pub(crate) async fn users(&self, now: Instant) -> Arc<Users> {
        if let Some((file, before)) = self.due(now) {
            let path = Arc::clone(file);
            let trust = self.trust;
            match blocking::unblock(move || read(&path, trust, before)).await {
                Ok(Some((stamp, users))) => self.take(file, stamp, users),
                Ok(None) => {}
                Err(why) => tracing::error!("the users stay as they were: {why}"),
            }
        }
        Arc::clone(&self.seen().users)
    }

    /// The file and its last stamp, if it is time for this request to check it.
    fn due(&self, now: Instant) -> Option<(&Arc<PathBuf>, Option<Stamp>)> {
        let file = self.file.as_ref()?;
        let mut seen = self.seen();
        (now.saturating_duration_since(seen.looked) >= self.every).then(|| {
            seen.looked = now;
            (file, seen.stamp)
        })
    }

    fn take(&self, file: &Path, stamp: Stamp, users: Result<Users, String>) {
        let mut seen = self.seen();
        seen.stamp = Some(stamp);
        match users {
            Ok(users) => seen.users = Arc::new(self.named.or(users)),
            Err(why) => tracing::error!("the users stay as they were: {}", shown(file, &why)),
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file, if its stamp is not `before`.
fn read(file: &Path, trust: Trust, before: Option<Stamp>) -> Result<Option<Read>, String> {
    let failed = |error: std::io::Error| shown(file, &error.to_string());
    let stamp = Stamp::of(&fs::metadata(file).map_err(failed)?);
    if before == Some(stamp) {
        return Ok(None);
    }
    let text = read_trusted_text(file, MAX_LEN, trust).map_err(|error| match error {
        ReadError::Untrusted(error) => shown(file, &format!("{error}, or set `trust = \"any\"`")),
        error => shown(file, &error.to_string()),
    })?;
    Ok(Some((stamp, Users::parse(&text))))
}

fn shown(file: &Path, why: &str) -> String {
    format!("{}: {why}", file.display())
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
