//! An app that greets.
