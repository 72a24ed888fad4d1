//! The change that a request proposes, validated except for the rule.

use std::collections::BTreeSet;

use super::event::Kind;
use super::model::{Entry, Model, Stamps};
use super::operation::{Change, Conflict, Order, Request, Told};
use super::spacing::Scope;

/// A proposed order.
pub(super) struct Proposal {
    /// `None` if nothing changes.
    pub(super) kind: Option<Kind>,
    pub(super) entry: Entry,
    /// Whether the rule applies.
    pub(super) moves: bool,
}

impl Model {
    /// The proposal of a request, if everything except the rule allows it.
    pub(super) fn propose(&self, request: &Request, stamps: &Stamps<'_>) -> Result<Proposal, Told> {
        let ((now, made_id), sequence) = (stamps.next(), self.sequence + 1);
        let found = |id: &str, if_match: Option<u64>| {
            let entry = self.there(id).cloned().ok_or_else(not_found)?;
            if if_match.is_some_and(|version| version != entry.order.version) {
                return Err(refused(412, "version-mismatch", None));
            }
            Ok(entry)
        };
        match request {
            Request::Create { id, datetime, fee, services } => {
                let id = id.as_deref().unwrap_or(made_id).to_owned();
                let last = match self.orders.get(&id) {
                    Some(entry) if entry.is_there => return Err(exists()),
                    Some(entry) => entry.order.version,
                    None => 0,
                };
                let (datetime, fee, services) = (*datetime, *fee, services.clone());
                let (version, created_at, updated_at) = (last + 1, now, now);
                let order = Order { id, datetime, fee, services, version, created_at, updated_at };
                let entry = Entry { order, group: sequence, is_there: true };
                Ok(Proposal { kind: Some(Kind::Created), entry, moves: true })
            }
            Request::Update { id, change, if_match } => {
                let old = found(id, *if_match)?;
                Ok(self.changed(old, change, now))
            }
            Request::Delete { id, if_match } => {
                let entry = next_version(found(id, *if_match)?, now);
                let entry = Entry { is_there: false, ..entry };
                Ok(Proposal { kind: Some(Kind::Deleted), entry, moves: false })
            }
            Request::Restore { id } => match self.orders.get(id) {
                Some(entry) if entry.is_there => Err(exists()),
                Some(entry) => {
                    let entry = Entry { is_there: true, ..next_version(entry.clone(), now) };
                    Ok(Proposal { kind: Some(Kind::Restored), entry, moves: true })
                }
                None => Err(not_found()),
            },
            Request::Batch { .. } | Request::Read { .. } | Request::Free { .. } => {
                unreachable!("no part of a batch")
            }
        }
    }

    fn changed(&self, old: Entry, change: &Change, now: i64) -> Proposal {
        let Change { datetime, fee, services } = change.clone();
        let datetime = datetime.unwrap_or(old.order.datetime);
        let fee = fee.unwrap_or(old.order.fee);
        let services = services.unwrap_or_else(|| old.order.services.clone());
        let same =
            (datetime, fee, &services) == (old.order.datetime, old.order.fee, &old.order.services);
        if same {
            return Proposal { kind: None, entry: old, moves: false };
        }
        let set = |services: &[u64]| services.iter().copied().collect::<BTreeSet<u64>>();
        let moves = datetime != old.order.datetime
            || (self.calendars.scope() == Scope::Service
                && set(&services) != set(&old.order.services));
        // An order that moves leaves its group.
        let group = if moves { self.sequence + 1 } else { old.group };
        let Entry { order, .. } = next_version(old, now);
        let order = Order { datetime, fee, services, ..order };
        let entry = Entry { order, group, is_there: true };
        Proposal { kind: Some(Kind::Updated), entry, moves }
    }
}

fn next_version(entry: Entry, now: i64) -> Entry {
    let order = Order { version: entry.order.version + 1, updated_at: now, ..entry.order };
    Entry { order, ..entry }
}

pub(super) fn refused(status: u16, code: &str, conflict: Option<Conflict>) -> Told {
    Told::Refused(status, code.to_owned(), conflict)
}

pub(super) fn not_found() -> Told {
    refused(404, "not-found", None)
}

/// The key was used for something else.
pub(super) fn key_reused() -> Told {
    refused(422, "idempotency-key-reused", None)
}

fn exists() -> Told {
    refused(409, "order-exists", None)
}
