//! Services: their numbers, their names, and how they change.

#[cfg(feature = "serde")]
mod json;

use std::fmt;

use crate::text::{Decimal, ParseError, read_from_text, text_value};

/// A service's number, 1 to 2^53 − 1: what a JSON number holds exactly in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(i64);

const SERVICE_ID: ParseError = ParseError("must be a whole number from 1 to 9007199254740991");

impl ServiceId {
    const MAX: i64 = (1 << 53) - 1;

    /// Creates a service's number, if it is in range.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        (1..=Self::MAX).contains(&number).then_some(Self(number))
    }

    /// The number itself.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }

    /// Parses decimal digits without leading zeros.
    ///
    /// # Errors
    /// [`ParseError`] if the text is anything else, or out of range.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SERVICE_ID);
        }
        text.parse().ok().and_then(Self::new).ok_or(SERVICE_ID)
    }

    /// Parses a JSON number whose value is whole (`123`, `123.0` and `1.23e2` are the same number).
    ///
    /// # Errors
    /// [`ParseError`] if it is not a number, not whole, or out of range.
    pub fn parse_number(text: &str) -> Result<Self, ParseError> {
        let number = Decimal::parse(text).filter(|number| !number.negative).ok_or(SERVICE_ID)?;
        number.scaled(number.exponent).and_then(Self::new).ok_or(SERVICE_ID)
    }
}

read_from_text!(ServiceId, ParseError, ServiceId::parse);

impl TryFrom<i64> for ServiceId {
    type Error = ParseError;

    fn try_from(number: i64) -> Result<Self, ParseError> {
        Self::new(number).ok_or(SERVICE_ID)
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A service's name: 1 to 200 characters after trimming, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(String);

impl ServiceName {
    /// The name in Unicode lower case. It is unique.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

text_value!(ServiceName, |text| {
    let name = str::trim(text);
    if name.chars().any(char::is_control) {
        return Err(ParseError("must not have control characters"));
    }
    if !(1..=200).contains(&name.chars().count()) {
        return Err(ParseError("must have 1 to 200 characters, blanks at its ends not counted"));
    }
    Ok(name)
});

/// A service: a number and a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Service {
    /// Its number.
    pub id: ServiceId,
    /// Its name.
    pub name: ServiceName,
}

/// A request to change the services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceCommand {
    /// Creates a service. Without an id it gets the next number of the server that
    /// no service has.
    Create {
        /// The number that the caller chose, if any.
        id: Option<ServiceId>,
        /// Its name.
        name: ServiceName,
    },
    /// Renames a service.
    Replace(Service),
    /// Deletes a service that no order uses.
    Delete(ServiceId),
}

impl ServiceCommand {
    /// The number that the command names, if it names one.
    #[must_use]
    pub fn id(&self) -> Option<ServiceId> {
        match self {
            Self::Create { id, .. } => *id,
            Self::Replace(service) => Some(service.id),
            Self::Delete(id) => Some(*id),
        }
    }

    /// The name that the command gives, if it gives one.
    #[must_use]
    pub fn name(&self) -> Option<&ServiceName> {
        match self {
            Self::Create { name, .. } | Self::Replace(Service { name, .. }) => Some(name),
            Self::Delete(_) => None,
        }
    }
}

/// What one [`ServiceCommand`] is decided by, read under the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSnapshot {
    /// The service with the command's number.
    pub named: Option<Service>,
    /// The service that has the command's name, ignoring case.
    pub holder_of_name: Option<ServiceId>,
    /// Whether an order uses the service.
    pub in_use: bool,
    /// The number of a service that is created without one: the first above the server's counter that
    /// no service has. `None` if there is none, or if the command names a service.
    pub next_id: Option<ServiceId>,
}

/// A change to the services to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceChange {
    /// A new service.
    Created(Service),
    /// A renamed service.
    Replaced(Service),
    /// The service already had this name.
    Unchanged(Service),
    /// The service was deleted.
    Deleted(ServiceId),
}

/// Why a change to the services is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServiceRefusal {
    /// There is no such service.
    #[error("there is no service {0}")]
    NotFound(ServiceId),
    /// Another service has this number.
    #[error("service {0} exists already")]
    IdTaken(ServiceId),
    /// Another service has this name, ignoring case.
    #[error("service {0} has this name already")]
    NameTaken(ServiceId),
    /// The server has assigned all its numbers.
    #[error("no number is left; choose an id")]
    NoIdLeft,
    /// An order uses the service.
    #[error("an order uses service {0}")]
    InUse(ServiceId),
}

/// Decides one change to the services.
///
/// # Errors
/// [`ServiceRefusal`] if the change is rejected.
pub fn decide_service(
    snapshot: &ServiceSnapshot,
    command: &ServiceCommand,
) -> Result<ServiceChange, ServiceRefusal> {
    match command {
        ServiceCommand::Create { id, name } => {
            if let Some(taken) = &snapshot.named {
                return Err(ServiceRefusal::IdTaken(taken.id));
            }
            if let Some(holder) = snapshot.holder_of_name {
                return Err(ServiceRefusal::NameTaken(holder));
            }
            let id = id.or(snapshot.next_id).ok_or(ServiceRefusal::NoIdLeft)?;
            Ok(ServiceChange::Created(Service { id, name: name.clone() }))
        }
        ServiceCommand::Replace(service) => {
            let stored = snapshot.named.as_ref().ok_or(ServiceRefusal::NotFound(service.id))?;
            match snapshot.holder_of_name {
                Some(holder) if holder != service.id => Err(ServiceRefusal::NameTaken(holder)),
                Some(_) | None if stored == service => {
                    Ok(ServiceChange::Unchanged(service.clone()))
                }
                Some(_) | None => Ok(ServiceChange::Replaced(service.clone())),
            }
        }
        ServiceCommand::Delete(id) => match (&snapshot.named, snapshot.in_use) {
            (None, _) => Err(ServiceRefusal::NotFound(*id)),
            (Some(_), true) => Err(ServiceRefusal::InUse(*id)),
            (Some(_), false) => Ok(ServiceChange::Deleted(*id)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: i64) -> ServiceId {
        ServiceId::new(number).unwrap()
    }

    fn name(text: &str) -> ServiceName {
        ServiceName::parse(text).unwrap()
    }

    fn nothing() -> ServiceSnapshot {
        ServiceSnapshot { named: None, holder_of_name: None, in_use: false, next_id: None }
    }

    #[test]
    fn numbers_are_read_from_digits_and_from_json_numbers() {
        assert_eq!(ServiceId::parse("123"), Ok(id(123)));
        assert_eq!(
            ServiceId::parse("9007199254740991").map(ServiceId::get),
            Ok(9_007_199_254_740_991)
        );
        for text in ["", "0", "0123", "-1", "+1", "1.0", "9007199254740992", "99999999999999999999"]
        {
            assert_eq!(ServiceId::parse(text), Err(SERVICE_ID), "{text}");
        }
        for text in ["123", "123.0", "1.23e2"] {
            assert_eq!(ServiceId::parse_number(text), Ok(id(123)), "{text}");
        }
        for text in ["0", "-1", "1.5", "1e-1", "9007199254740992", "1e300", "x"] {
            assert_eq!(ServiceId::parse_number(text), Err(SERVICE_ID), "{text}");
        }
    }

    #[test]
    fn names_are_trimmed_and_compared_without_case() {
        assert_eq!(name("  Prüfung ÄÖ ").as_str(), "Prüfung ÄÖ");
        assert_eq!(name("PRÜFUNG").key(), name("prüfung").key());
        assert!(ServiceName::parse(&"é".repeat(200)).is_ok());
        assert!(ServiceName::parse(&"é".repeat(201)).is_err());
        assert!(ServiceName::parse("   ").is_err());
        assert!(ServiceName::parse("a\nb").is_err());
        assert!(ServiceName::parse("a\u{0}b").is_err());
    }

    #[test]
    fn a_service_without_a_number_gets_the_next_one() {
        let create = ServiceCommand::Create { id: None, name: name("Testing") };
        let made =
            decide_service(&ServiceSnapshot { next_id: Some(id(790)), ..nothing() }, &create);
        assert_eq!(
            made,
            Ok(ServiceChange::Created(Service { id: id(790), name: name("Testing") }))
        );
        assert_eq!(decide_service(&nothing(), &create), Err(ServiceRefusal::NoIdLeft));
    }

    #[test]
    fn a_service_may_keep_its_name_in_other_case_but_not_take_anothers() {
        let stored = Service { id: id(1), name: name("Testing") };
        let snapshot = ServiceSnapshot {
            named: Some(stored.clone()),
            holder_of_name: Some(id(1)),
            ..nothing()
        };
        let command = ServiceCommand::Replace(stored.clone());
        assert_eq!(decide_service(&snapshot, &command), Ok(ServiceChange::Unchanged(stored)));
        let renamed = Service { id: id(1), name: name("TESTING") };
        let command = ServiceCommand::Replace(renamed.clone());
        assert_eq!(decide_service(&snapshot, &command), Ok(ServiceChange::Replaced(renamed)));
        let snapshot = ServiceSnapshot { holder_of_name: Some(id(2)), ..snapshot };
        assert_eq!(decide_service(&snapshot, &command), Err(ServiceRefusal::NameTaken(id(2))));
    }

    #[test]
    fn a_service_in_use_is_not_deleted() {
        let stored = Service { id: id(1), name: name("Testing") };
        let used = ServiceSnapshot { named: Some(stored), in_use: true, ..nothing() };
        let delete = ServiceCommand::Delete(id(1));
        assert_eq!(decide_service(&used, &delete), Err(ServiceRefusal::InUse(id(1))));
        let free = ServiceSnapshot { in_use: false, ..used };
        assert_eq!(decide_service(&free, &delete), Ok(ServiceChange::Deleted(id(1))));
        assert_eq!(decide_service(&nothing(), &delete), Err(ServiceRefusal::NotFound(id(1))));
    }
}
