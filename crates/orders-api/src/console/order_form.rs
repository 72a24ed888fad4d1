//! The form of an order: its fields, their errors, and why the order was rejected.

use std::collections::BTreeSet;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use orders_core::decide::{IdempotencyKey, IdempotentRequest};
use orders_core::{Fee, Order, OrderContent, Refusal, Service, ServiceId, Services, Timestamp};
use uuid::Uuid;

use super::form::Form;
use super::zone::Zone;
use crate::http::idempotency;
use crate::http::problem::{Code, Problem};
use crate::store_client::ChangeError;

/// The form of an order.
pub(crate) struct OrderForm {
    pub(crate) zone: Zone,
    pub(crate) datetime: String,
    /// The exact time of an unchanged field: a field has no zone, and when clocks are
    /// put back it is ambiguous.
    pub(crate) was: String,
    pub(crate) fee: String,
    pub(crate) chosen: BTreeSet<ServiceId>,
    /// The version to change. `None` for a new order.
    pub(crate) version: Option<u64>,
    /// The idempotency token of the form.
    pub(crate) token: String,
    pub(crate) errors: FieldErrors,
    pub(crate) rejection: Option<Rejection>,
}

/// The error of each field. Empty for none.
#[derive(Default)]
pub(crate) struct FieldErrors {
    pub(crate) datetime: String,
    pub(crate) fee: String,
    pub(crate) services: String,
}

/// Why an order was rejected, and what would be accepted.
#[derive(Default)]
pub(crate) struct Rejection {
    pub(crate) detail: String,
    /// The conflicting orders: ids and times.
    pub(crate) conflicts: Vec<(String, String)>,
    /// Free times: the value to send, and words.
    pub(crate) tries: Vec<(String, String)>,
}

/// A service to choose.
pub(crate) struct Choice {
    pub(crate) id: ServiceId,
    pub(crate) name: String,
    pub(crate) is_chosen: bool,
}

/// The text if a date and time field can hold it. Browsers show no other text.
fn field_text(text: &str) -> &str {
    let fits = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'T' | b':' | b'.' | b'-');
    if text.bytes().all(fits) { text } else { "" }
}

impl OrderForm {
    /// An empty form for a time.
    pub(crate) fn new(zone: Zone, at: Option<Timestamp>) -> Self {
        Self {
            zone,
            datetime: at.map(|at| zone.field(at)).unwrap_or_default(),
            was: at.map(|at| at.to_string()).unwrap_or_default(),
            fee: String::new(),
            chosen: BTreeSet::new(),
            version: None,
            token: Uuid::new_v4().to_string(),
            errors: FieldErrors::default(),
            rejection: None,
        }
    }

    /// A form that holds an order.
    pub(crate) fn from_order(zone: Zone, order: &Order) -> Self {
        Self {
            fee: order.content.total_fee.to_string(),
            chosen: order.content.services.iter().collect(),
            version: Some(order.version),
            ..Self::new(zone, Some(order.content.datetime))
        }
    }

    /// Reads a form. Returns the content of an order if all fields are valid.
    pub(crate) fn read(form: &Form, zone: Zone) -> (Self, Option<OrderContent>) {
        let zone = Zone::parse(form.one("tz")).unwrap_or(zone);
        let mut order_form = Self {
            datetime: field_text(form.one("datetime")).to_owned(),
            was: form.one("was").to_owned(),
            fee: form.one("fee").trim().to_owned(),
            version: form.one("version").parse().ok(),
            token: form.one("token").to_owned(),
            ..Self::new(zone, None)
        };
        let mut ids = Vec::new();
        for text in form.all("service") {
            match ServiceId::parse(text) {
                Ok(id) => ids.push(id),
                Err(error) => order_form.errors.services = format!("A service id {error}."),
            }
        }
        order_form.chosen = ids.iter().copied().collect();
        let at = order_form.instant(form.one("take"));
        let fee = Fee::parse(&order_form.fee);
        let services = Services::new(ids);
        if let Err(error) = &fee {
            order_form.errors.fee = format!("The fee {error}.");
        }
        if let Err(error) = &services {
            order_form.errors.services = format!("The services {error}.");
        }
        let content = match (at, fee, services) {
            (Some(datetime), Ok(total_fee), Ok(services)) => {
                Some(OrderContent { datetime, total_fee, services })
            }
            _ => None,
        };
        let is_fine = order_form.errors.services.is_empty();
        (order_form, content.filter(|_| is_fine))
    }

    /// The time of the form. `take` is a suggested time that was chosen instead.
    fn instant(&mut self, take: &str) -> Option<Timestamp> {
        let at = match (Timestamp::parse(take), Timestamp::parse(&self.was)) {
            (Ok(taken), _) => Some(taken),
            (Err(_), Ok(was)) if self.zone.field(was) == self.datetime => Some(was),
            (Err(_), _) => self.zone.read_field(&self.datetime),
        };
        match at {
            Some(at) => {
                self.datetime = self.zone.field(at);
                self.was = at.to_string();
            }
            None if self.datetime.is_empty() => {
                self.errors.datetime = String::from("Choose a date and a time.");
            }
            None => {
                self.errors.datetime = format!("This time does not exist in {}.", self.zone.name());
            }
        }
        at
    }

    /// The idempotency key of the form.
    pub(crate) fn retry(
        &self,
        request: &HttpRequest,
        content: &OrderContent,
    ) -> Option<IdempotentRequest> {
        let key = IdempotencyKey::parse(&format!("console-{}", self.token)).ok();
        let content = format!("{content:?} {:?}", self.version);
        idempotency::retry(request, key, &content)
    }

    /// Records why the order was rejected. Returns the status of the page that shows it.
    ///
    /// # Errors
    /// Returns a problem that is not about the form.
    pub(crate) fn record_rejection(
        &mut self,
        error: ChangeError<Refusal>,
    ) -> Result<StatusCode, Problem> {
        let refusal = match error {
            ChangeError::Refused(refusal) => refusal,
            ChangeError::KeyReused => {
                self.token = Uuid::new_v4().to_string();
                let detail = "This form was sent before. Send it again to do it again.";
                self.rejection =
                    Some(Rejection { detail: detail.to_owned(), ..Rejection::default() });
                return Ok(Code::IdempotencyKeyReused.status());
            }
            ChangeError::AlreadyDone | ChangeError::Store(_) => return Err(error.into()),
        };
        let problem = Problem::from(refusal.clone());
        let mut rejection =
            Rejection { detail: problem.detail().to_owned(), ..Rejection::default() };
        match refusal {
            Refusal::Conflict(conflict) => {
                let near = conflict.nearest.iter();
                rejection.conflicts = near
                    .map(|it| (it.order_id.to_string(), self.zone.words(it.datetime)))
                    .collect();
                let free = [conflict.previous, conflict.next].into_iter().flatten();
                rejection.tries = free.map(|at| (at.to_string(), self.zone.words(at))).collect();
            }
            Refusal::UnknownServices(_) => {
                self.errors.services =
                    String::from("One of these services no longer exists. Choose again.");
            }
            Refusal::EditLocked { .. } | Refusal::OrderExists(_) => {}
            Refusal::NotFound(_) | Refusal::VersionMismatch { .. } | Refusal::NotAttempted => {
                return Err(problem);
            }
        }
        self.rejection = Some(rejection);
        Ok(problem.status())
    }

    /// The services to choose from, chosen ones first.
    pub(crate) fn choices(&self, services: &[Service]) -> Vec<Choice> {
        let choice = |service: &Service| Choice {
            id: service.id,
            name: service.name.as_str().to_owned(),
            is_chosen: self.chosen.contains(&service.id),
        };
        let mut choices: Vec<Choice> = services.iter().map(choice).collect();
        choices.sort_by_key(|choice| !choice.is_chosen);
        choices
    }
}
