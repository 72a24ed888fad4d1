//! Refusals and conflicts, spelled as the HTTP API spells its problems.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::outcome::{Neighbour, OrderConflict, Refusal};
use crate::order::OrderId;
use crate::policy::Policy;
use crate::service::ServiceId;
use crate::time::Timestamp;

#[derive(Serialize, Deserialize)]
struct NeighbourMembers {
    order_id: OrderId,
    datetime: Timestamp,
    gap_ms: i64,
    #[serde(serialize_with = "all_digits")]
    services: Vec<ServiceId>,
}

/// Service ids as the API shows them beside orders: strings of digits.
fn all_digits<S: Serializer>(ids: &[ServiceId], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(ToString::to_string))
}

#[derive(Serialize, Deserialize)]
struct Suggestions {
    previous: Option<Timestamp>,
    next: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct ConflictMembers {
    policy: Policy,
    conflicts: Vec<NeighbourMembers>,
    conflict_count: usize,
    suggestions: Suggestions,
}

impl From<&OrderConflict> for ConflictMembers {
    fn from(conflict: &OrderConflict) -> Self {
        let member = |near: &Neighbour| NeighbourMembers {
            order_id: near.order_id.clone(),
            datetime: near.datetime,
            gap_ms: near.gap_ms,
            services: near.services.clone(),
        };
        Self {
            policy: conflict.policy,
            conflicts: conflict.nearest.iter().map(member).collect(),
            conflict_count: conflict.count,
            suggestions: Suggestions { previous: conflict.previous, next: conflict.next },
        }
    }
}

impl From<ConflictMembers> for OrderConflict {
    fn from(members: ConflictMembers) -> Self {
        let neighbour = |near: NeighbourMembers| Neighbour {
            order_id: near.order_id,
            datetime: near.datetime,
            gap_ms: near.gap_ms,
            services: near.services,
        };
        Self {
            policy: members.policy,
            nearest: members.conflicts.into_iter().map(neighbour).collect(),
            count: members.conflict_count,
            previous: members.suggestions.previous,
            next: members.suggestions.next,
        }
    }
}

impl Serialize for OrderConflict {
    /// As the members `policy`, `conflicts`, `conflict_count` and `suggestions` of a problem.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ConflictMembers::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OrderConflict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ConflictMembers::deserialize(deserializer).map(Self::from)
    }
}

/// A service that does not exist, as a member of `errors`.
#[derive(Serialize, Deserialize)]
struct UnknownService {
    pointer: String,
    #[serde(serialize_with = "one_digits")]
    service_id: ServiceId,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn one_digits<S: Serializer>(id: &ServiceId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

impl UnknownService {
    fn new(&(position, service_id): &(usize, ServiceId)) -> Self {
        Self { pointer: format!("/services/{position}/id"), service_id }
    }

    /// The position in the list of services, and the service.
    fn read(self) -> Option<(usize, ServiceId)> {
        let position = self.pointer.strip_prefix("/services/")?.strip_suffix("/id")?;
        Some((position.parse().ok()?, self.service_id))
    }
}

/// The members of a problem that tell refusals apart, and what each has besides.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type")]
enum Members {
    #[serde(rename = "/problems/not-found")]
    NotFound { order_id: OrderId },
    #[serde(rename = "/problems/version-mismatch")]
    VersionMismatch { current_version: u64 },
    #[serde(rename = "/problems/unknown-service")]
    UnknownServices { errors: Vec<UnknownService> },
    #[serde(rename = "/problems/edit-locked")]
    EditLocked {
        editable_at: Timestamp,
        #[serde(default)]
        wait_ms: i64,
    },
    #[serde(rename = "/problems/order-exists")]
    OrderExists { order_id: OrderId },
    #[serde(rename = "/problems/order-conflict")]
    Conflict(Box<ConflictMembers>),
    #[serde(rename = "/problems/not-attempted")]
    NotAttempted {},
}

impl Members {
    /// The members of a refusal, and the status that the API answers it with.
    fn new(refusal: &Refusal) -> (Self, u16) {
        match refusal {
            Refusal::NotFound(id) => (Self::NotFound { order_id: id.clone() }, 404),
            Refusal::VersionMismatch { current } => {
                (Self::VersionMismatch { current_version: *current }, 412)
            }
            Refusal::UnknownServices(unknown) => {
                let errors = unknown.iter().map(UnknownService::new).collect();
                (Self::UnknownServices { errors }, 422)
            }
            Refusal::EditLocked { editable_at, wait_ms } => {
                (Self::EditLocked { editable_at: *editable_at, wait_ms: *wait_ms }, 409)
            }
            Refusal::OrderExists(id) => (Self::OrderExists { order_id: id.clone() }, 409),
            Refusal::Conflict(conflict) => {
                (Self::Conflict(Box::new(ConflictMembers::from(&**conflict))), 409)
            }
            Refusal::NotAttempted => (Self::NotAttempted {}, 424),
        }
    }

    /// The refusal; `None` where a pointer is not one to a service.
    fn read(self) -> Option<Refusal> {
        Some(match self {
            Self::NotFound { order_id } => Refusal::NotFound(order_id),
            Self::VersionMismatch { current_version } => {
                Refusal::VersionMismatch { current: current_version }
            }
            Self::UnknownServices { errors } => {
                let unknown: Option<Vec<_>> =
                    errors.into_iter().map(UnknownService::read).collect();
                Refusal::UnknownServices(unknown?)
            }
            Self::EditLocked { editable_at, wait_ms } => {
                Refusal::EditLocked { editable_at, wait_ms }
            }
            Self::OrderExists { order_id } => Refusal::OrderExists(order_id),
            Self::Conflict(members) => Refusal::Conflict(Box::new((*members).into())),
            Self::NotAttempted {} => Refusal::NotAttempted,
        })
    }
}

#[derive(Serialize)]
struct Problem {
    #[serde(flatten)]
    members: Members,
    status: u16,
    detail: String,
}

impl Serialize for Refusal {
    /// As a problem (RFC 9457): `type`, `status`, `detail`, and what this refusal has besides.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (members, status) = Members::new(self);
        Problem { members, status, detail: self.to_string() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Refusal {
    /// From a problem, by its `type`. Other members are ignored.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Members::deserialize(deserializer)?;
        members.read().ok_or_else(|| D::Error::custom("a pointer is not one to a service"))
    }
}
