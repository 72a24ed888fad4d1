//! The exemption groups of an import.

use std::collections::HashMap;
use std::sync::Arc;

use orders_core::Order;
use orders_core::decide::ImportGroup;
use orders_core::order::Group;

use crate::cli::OnConflict;
use crate::orders::import_request::ImportBody;

/// The exemption groups of the rows so far.
#[derive(Default)]
pub(super) struct Groups {
    /// By their names in the file.
    named: HashMap<Arc<str>, Group>,
    /// The group of all imported orders, in the mode `accept-group`.
    all: Option<Group>,
}

impl Groups {
    /// The group of a row.
    pub(super) fn group_of(&self, mode: OnConflict, body: &ImportBody) -> ImportGroup {
        let (name, known) = match (mode, &body.group) {
            (OnConflict::AcceptGroup, _) => ("", self.all),
            (_, None) => return ImportGroup::Own,
            (_, Some(name)) => (name.as_str(), self.named.get(name.as_str()).copied()),
        };
        known.map_or_else(|| ImportGroup::Named(name.into()), ImportGroup::Known)
    }

    /// Records the group of a row that was stored.
    pub(super) fn record(&mut self, mode: OnConflict, body: &ImportBody, group: Group) {
        if mode == OnConflict::AcceptGroup {
            self.all.get_or_insert(group);
        } else if let Some(name) = &body.group {
            self.named.entry(name.as_str().into()).or_insert(group);
        }
    }

    /// Whether the row leads a group that is not known yet.
    pub(super) fn is_new_leader(&self, body: &ImportBody) -> bool {
        let (Some(name), Some(id)) = (&body.group, &body.id) else { return false };
        name == id && !self.named.contains_key(name.as_str())
    }

    /// Resumes an interrupted import: a stored order that leads a group and equals its row was
    /// imported from this file, so other rows may still join its group.
    pub(super) fn resume(&mut self, body: &ImportBody, stored: &Order) {
        let is_same = stored.content == body.content
            && Some(stored.version) == body.version
            && Some(stored.created_at) == body.created_at
            && Some(stored.updated_at) == body.updated_at;
        if let Some(name) = body.group.as_ref().filter(|_| is_same) {
            self.named.insert(name.as_str().into(), stored.group);
        }
    }
}
