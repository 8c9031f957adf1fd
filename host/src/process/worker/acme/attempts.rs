//! What the folder of orders keeps of one certificate: the attempts so far, and an order that has begun.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::load::acme::{AcmeFolder, AcmeFolderError};
use crate::load::manifest::Acme;
use crate::policy::OrderHistory;

/// The attempts so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Attempts {
    #[serde(flatten)]
    pub(super) history: OrderHistory,
    /// Why the last one has failed.
    #[serde(default)]
    pub(super) error: Option<String>,
}

/// An order that the CA has accepted: whoever has the lock continues it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct BegunOrder {
    /// By which the CA knows it.
    pub(super) url: String,
    /// The certificate's private key, as PEM.
    pub(super) key: String,
    /// What it is for: with other domains it is of no use.
    domains: Vec<String>,
}

impl Attempts {
    pub(super) fn read(folder: &AcmeFolder, acme: &Acme) -> Result<Self, AcmeFolderError> {
        Ok(read(folder, &Self::file(acme))?.unwrap_or_default())
    }

    pub(super) fn write(&self, folder: &AcmeFolder, acme: &Acme) -> Result<(), AcmeFolderError> {
        write(folder, &Self::file(acme), self)
    }

    fn file(acme: &Acme) -> String {
        format!("{}.attempts.json", acme.name())
    }
}

impl BegunOrder {
    pub(super) fn new(url: &str, key: String, acme: &Acme) -> Self {
        Self {
            url: url.to_owned(),
            key,
            domains: acme.domains.clone(),
        }
    }

    /// That of a certificate, if there is one.
    pub(super) fn read(folder: &AcmeFolder, acme: &Acme) -> Result<Option<Self>, AcmeFolderError> {
        let begun = read::<Self>(folder, &Self::file(acme))?;
        Ok(begun.filter(|begun| begun.domains == acme.domains))
    }

    pub(super) fn write(&self, folder: &AcmeFolder, acme: &Acme) -> Result<(), AcmeFolderError> {
        write(folder, &Self::file(acme), self)
    }

    pub(super) fn forget(folder: &AcmeFolder, acme: &Acme) -> Result<(), AcmeFolderError> {
        folder.remove(&Self::file(acme))
    }

    fn file(acme: &Acme) -> String {
        format!("{}.order.json", acme.name())
    }
}

/// A file that is no longer understood counts as none.
fn read<T: DeserializeOwned>(
    folder: &AcmeFolder,
    name: &str,
) -> Result<Option<T>, AcmeFolderError> {
    let text = folder.read(name)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

fn write<T: Serialize>(folder: &AcmeFolder, name: &str, value: &T) -> Result<(), AcmeFolderError> {
    let text = serde_json::to_string(value).unwrap_or_default();
    folder.write(name, &text)
}
