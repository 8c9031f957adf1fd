//! The state of certificates that stackup orders: files in a folder, which all workers share. Knows no CA and no connections.

mod challenges;
mod folder;

pub use self::challenges::{Challenges, PendingChallenge};
pub use self::folder::{AcmeFolder, AcmeFolderError, AcmeLock};
