//! What all clients have been told so far: where to meet each other.

use std::collections::BTreeMap;

use crate::Random;
use crate::history::{Order, Request, Told};

/// So many orders are remembered.
const MOST: usize = 32;
/// So many that are gone.
const MOST_GONE: usize = 8;

/// Orders as somebody was told of them last. They may have changed since.
#[derive(Debug, Default)]
pub(super) struct Seen {
    orders: BTreeMap<String, Order>,
    gone: Vec<String>,
}

impl Seen {
    pub(super) fn get(&self, id: &str) -> Option<&Order> {
        self.orders.get(id)
    }

    /// Any that was there; the clients' own anchors are nobody else's business.
    pub(super) fn any(&self, random: &mut Random) -> Option<String> {
        let ids: Vec<&String> = self.orders.keys().collect();
        (!ids.is_empty()).then(|| (*random.one_of(&ids)).clone())
    }

    /// Any that was gone.
    pub(super) fn any_gone(&self, random: &mut Random) -> Option<String> {
        (!self.gone.is_empty()).then(|| random.one_of(&self.gone).clone())
    }

    pub(super) fn learn(&mut self, request: &Request, told: &Told) {
        match (request, told) {
            (_, Told::Order(_, order)) if !order.id.starts_with("anchor") => {
                let known = self.orders.get(&order.id).map_or(0, |known| known.version);
                if known < order.version {
                    self.gone.retain(|id| *id != order.id);
                    self.orders.insert(order.id.clone(), order.clone());
                }
                while self.orders.len() > MOST {
                    self.orders.pop_first();
                }
            }
            (Request::Batch { operations, .. }, Told::Results(_, results)) => {
                for (request, told) in operations.iter().zip(results) {
                    self.learn(request, told);
                }
            }
            (Request::Delete { id, .. }, Told::Deleted)
            | (
                Request::Update { id, .. } | Request::Delete { id, .. } | Request::Read { id },
                Told::Refused(404, ..),
            ) => {
                if self.orders.remove(id).is_some() {
                    self.gone.push(id.clone());
                }
                if self.gone.len() > MOST_GONE {
                    self.gone.remove(0);
                }
            }
            _ => {}
        }
    }
}
