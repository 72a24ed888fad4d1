//! The services of an order.

use std::sync::Arc;

use crate::service::ServiceId;

/// The services of an order: 1 to 100 distinct ones, in the order given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Services(Arc<[ServiceId]>);

impl TryFrom<Vec<ServiceId>> for Services {
    type Error = ServicesError;

    fn try_from(ids: Vec<ServiceId>) -> Result<Self, ServicesError> {
        Self::new(ids)
    }
}

impl std::ops::Deref for Services {
    type Target = [ServiceId];

    fn deref(&self) -> &[ServiceId] {
        &self.0
    }
}

/// An error which can be returned when a list of services is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServicesError {
    /// There are none, or more than 100.
    #[error("must name 1 to 100 services")]
    Number,
    /// The service at this position (from 0) repeats an earlier one.
    #[error("must not name a service twice")]
    Repeated(usize),
}

impl Services {
    /// The maximum number of services.
    pub const MAX: usize = 100;

    /// Checks a list of services.
    ///
    /// # Errors
    /// - [`ServicesError::Number`] for none, or more than [`Self::MAX`].
    /// - [`ServicesError::Repeated`] if a service comes twice.
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
    pub fn iter(&self) -> impl Iterator<Item = ServiceId> + '_ {
        self.0.iter().copied()
    }

    /// Returns `true` if both name the same services, in any order.
    pub(crate) fn same_set(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.iter().all(|id| other.0.contains(&id))
    }

    /// The services that both name, in the order of this list.
    pub(crate) fn shared(&self, other: &Self) -> Vec<ServiceId> {
        self.iter().filter(|id| other.0.contains(id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
