//! Orders: their ids, their content, and what the server keeps beside it.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::{Fee, Instant, ServiceId};

/// An order's id: 1 to 64 characters of `A-Z a-z 0-9 . _ ~ -`, and not `.`, `..` or `batch`.
///
/// These are the characters that a URL never escapes (RFC 3986, section 2.3); the three words
/// would be taken for something else in a path. Ids are compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(Arc<str>);

/// The text given is not an order's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 characters of A-Z a-z 0-9 . _ ~ - and not ., .. or batch")]
pub struct OrderIdError;

impl OrderId {
    /// Checks an id.
    ///
    /// # Errors
    /// [`OrderIdError`] if the text is not one.
    pub fn parse(text: &str) -> Result<Self, OrderIdError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        if !fits || matches!(text, "." | ".." | "batch") {
            return Err(OrderIdError);
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for OrderId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The services of an order: 1 to 100 distinct ones, in the order given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Services(Arc<[ServiceId]>);

/// Why a list of services cannot be an order's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServicesError {
    /// None, or more than 100.
    #[error("must name 1 to 100 services")]
    Number,
    /// The service at this position (from 0) is named before.
    #[error("must not name a service twice")]
    Repeated(usize),
}

impl Services {
    /// The most services that an order can have.
    pub const MAX: usize = 100;

    /// Checks a list of services.
    ///
    /// # Errors
    /// [`ServicesError`], by what is wrong with the list.
    pub fn new(ids: Vec<ServiceId>) -> Result<Self, ServicesError> {
        if !(1..=Self::MAX).contains(&ids.len()) {
            return Err(ServicesError::Number);
        }
        let is_repeated = |(position, id)| ids.iter().take(position).any(|earlier| earlier == id);
        match ids.iter().enumerate().position(is_repeated) {
            Some(position) => Err(ServicesError::Repeated(position)),
            None => Ok(Self(ids.into())),
        }
    }

    /// The services in the order given.
    #[must_use]
    pub fn as_slice(&self) -> &[ServiceId] {
        &self.0
    }

    /// The services in the order given.
    pub fn iter(&self) -> impl Iterator<Item = ServiceId> + '_ {
        self.0.iter().copied()
    }

    /// Whether both name the same services, in whatever order.
    pub(crate) fn same_set(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.iter().all(|id| other.0.contains(&id))
    }

    /// The services that both name, in this list's order.
    pub(crate) fn shared(&self, other: &Self) -> Vec<ServiceId> {
        self.iter().filter(|id| other.0.contains(id)).collect()
    }
}

/// A number shared by the orders that are exempt from the rule among themselves. An order that is
/// exempt from nothing has a group of its own.
///
/// It is the sequence of the event that put the order, or the first of its group, at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub NonZeroU64);

/// What a caller says of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderContent {
    /// When it takes place.
    pub datetime: Instant,
    /// What it costs in all.
    pub total_fee: Fee,
    /// What is done.
    pub services: Services,
}

/// An order as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id, for ever.
    pub id: OrderId,
    /// What its callers said of it.
    pub content: OrderContent,
    /// 1 at first; one more with each change, deletion and restoring included.
    pub version: u64,
    /// Which orders it is exempt from.
    pub group: Group,
    /// When it was created.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_only_characters_that_a_path_never_escapes() {
        for text in ["a", "223", "0123", "A-Z.a_z~9", "...", "Batch", &"x".repeat(64)] {
            assert!(OrderId::parse(text).is_ok(), "{text}");
        }
        for text in ["", ".", "..", "batch", "a b", "a/b", "a%2F", "é", "a\0", &"x".repeat(65)] {
            assert_eq!(OrderId::parse(text), Err(OrderIdError), "{text}");
        }
    }

    #[test]
    fn services_are_distinct_and_keep_their_order() {
        let ids = |numbers: &[i64]| numbers.iter().map(|n| ServiceId::new(*n).unwrap()).collect();
        let services = Services::new(ids(&[789, 123])).unwrap();
        assert_eq!(services.iter().map(ServiceId::get).collect::<Vec<_>>(), [789, 123]);
        assert_eq!(Services::new(vec![]), Err(ServicesError::Number));
        assert_eq!(Services::new(ids(&[1, 2, 1])), Err(ServicesError::Repeated(2)));
        let many = |count| Services::new(ids(&(1..=count).collect::<Vec<_>>()));
        assert!(many(100).is_ok());
        assert_eq!(many(101), Err(ServicesError::Number));
    }
}
