//! The operations that may have caused an event.

use std::collections::HashMap;

use super::event::{Event, Kind};
use super::operation::{Change, Ending, Operation, Request, Told};

/// What may have written, by what it would have written.
#[derive(Default)]
pub(super) struct Writes {
    by_fee: HashMap<u64, Vec<usize>>,
    by_id: HashMap<(Kind, String), Vec<usize>>,
}

impl Writes {
    /// Records an operation, unless its response says that it wrote nothing.
    pub(super) fn note(&mut self, operation: &Operation, number: usize) {
        let may_have_written = match &operation.ending {
            Ending::Unknown(_) => true,
            Ending::NotDone(_) | Ending::Told { replayed: true, .. } => false,
            Ending::Told { told, .. } => match told {
                Told::Order(..) | Told::Deleted | Told::Results(200, _) => true,
                Told::Refused(..) | Told::Free(_) | Told::Results(..) => false,
            },
        };
        if may_have_written {
            self.add(&operation.request, number);
        }
    }

    fn add(&mut self, request: &Request, number: usize) {
        let (kind, id) = match request {
            Request::Batch { operations, .. } => {
                return operations.iter().for_each(|operation| self.add(operation, number));
            }
            Request::Create { fee, .. }
            | Request::Update { change: Change { fee: Some(fee), .. }, .. } => {
                return self.by_fee.entry(*fee).or_default().push(number);
            }
            Request::Update { id, .. } => (Kind::Updated, id),
            Request::Delete { id, .. } => (Kind::Deleted, id),
            Request::Restore { id } => (Kind::Restored, id),
            Request::Read { .. } | Request::Free { .. } => return,
        };
        self.by_id.entry((kind, id.clone())).or_default().push(number);
    }

    /// Which may have caused an event, in the order in which they began.
    pub(super) fn of(&mut self, event: &Event, done: &[bool]) -> Vec<usize> {
        let mut found = Vec::new();
        if let Some(after) = event.after.as_ref().filter(|_| event.kind != Kind::Restored) {
            found.extend(self.by_fee.get(&after.fee).into_iter().flatten());
        }
        if let Some(by_id) = self.by_id.get_mut(&(event.kind, event.id.clone())) {
            // Finished operations are removed, so the list stays short.
            by_id.retain(|number| !done[*number]);
            found.extend(by_id.iter());
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}
