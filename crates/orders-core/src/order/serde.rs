//! Orders and their values, spelled as the HTTP API spells them.

use std::fmt;
use std::num::NonZeroU64;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Fee, Group, Order, OrderContent, OrderId, Services};
use crate::service::ServiceId;
use crate::time::Timestamp;

impl Serialize for Fee {
    /// As a number with the fewest digits: `100`, `99.5`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hundredths = self.as_hundredths();
        if hundredths % 100 == 0 {
            return serializer.serialize_i64(hundredths / 100);
        }
        // At most 14 digits, which a float holds exactly enough to be written as they are.
        let number: f64 = self.to_string().parse().map_err(serde::ser::Error::custom)?;
        serializer.serialize_f64(number)
    }
}

impl<'de> Deserialize<'de> for Fee {
    /// From a number, or a string that holds one. A number that the format reads as a float is
    /// exact up to 15 digits.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FeeVisitor)
    }
}

struct FeeVisitor;

impl Visitor<'_> for FeeVisitor {
    type Value = Fee;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 999999999999.99, with at most two decimals")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Fee, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Fee, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Fee, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Fee, E> {
        text.parse().map_err(E::custom)
    }
}

/// A service as an order names it: its id is a string of digits.
#[derive(Serialize)]
struct Reference {
    #[serde(serialize_with = "digits")]
    id: ServiceId,
}

#[derive(Deserialize)]
struct ReferenceRead {
    id: ServiceId,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn digits<S: Serializer>(id: &ServiceId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

impl Serialize for Services {
    /// As the list of objects that an order shows: `[{"id": "123"}]`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|id| Reference { id }))
    }
}

impl<'de> Deserialize<'de> for Services {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let services = Vec::<ReferenceRead>::deserialize(deserializer)?;
        let ids = services.into_iter().map(|service| service.id).collect();
        Self::new(ids).map_err(D::Error::custom)
    }
}

/// The members of an order, in the order in which the API shows them.
#[derive(Serialize, Deserialize)]
struct OrderMembers {
    id: OrderId,
    datetime: Timestamp,
    totalfee: Fee,
    services: Services,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Serialize for Order {
    /// As the API shows it, so without its group.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let content = self.content.clone();
        let members = OrderMembers {
            id: self.id.clone(),
            datetime: content.datetime,
            totalfee: content.total_fee,
            services: content.services,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        };
        members.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Order {
    /// From what the API shows. That does not tell the group: an order read so is in the last group
    /// there is, which no stored order is in.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = OrderMembers::deserialize(deserializer)?;
        Ok(Self {
            id: members.id,
            content: OrderContent {
                datetime: members.datetime,
                total_fee: members.totalfee,
                services: members.services,
            },
            version: members.version,
            group: Group(NonZeroU64::MAX),
            created_at: members.created_at,
            updated_at: members.updated_at,
        })
    }
}
