//! The documentation of `/webhooks`.

use actix_web::http::StatusCode;

use super::request::{ReplayBody, WebhookBody, WebhookPatchBody, WebhookRotateBody};
use super::response::{DeliveryView, NewWebhookView, RotatedWebhookView, TestedView, WebhookView};
use crate::http::openapi::description::{Answer, Description, WEBHOOKS};
use crate::http::openapi::problems::{BODY, JSON, READ, WRITE};
use crate::http::openapi::{parameters, shape};
use crate::http::page::PageView;
use crate::http::problem::Code;
use crate::webhooks;

/// The problems with the content of a webhook.
const CONTENT: &[Code] = &[Code::InvalidWebhook, Code::WebhookUrlRefused];

pub(crate) fn list() -> Description {
    Description::new(WEBHOOKS, "listWebhooks", "List webhooks, oldest first")
        .with_parameters(parameters::page())
        .returns(
            Answer::ok("A page of webhooks, without their secrets")
                .json::<PageView<WebhookView>>()
                .header("Link", shape::link()),
        )
        .fails_with(&[JSON, READ])
}

pub(crate) fn create() -> Description {
    Description::new(WEBHOOKS, "createWebhook", "Create a webhook, which sends events from now on")
        .reads::<WebhookBody>("application/json")
        .returns(
            Answer::new(
                StatusCode::CREATED,
                "The webhook with its secret, which is shown only once",
            )
            .json::<NewWebhookView>()
            .header("Location", shape::path_of("webhooks")),
        )
        .fails_with(&[JSON, BODY, WRITE, CONTENT, &[Code::TooManyWebhooks]])
        .with_secret_response()
}

pub(crate) fn find() -> Description {
    Description::new(WEBHOOKS, "findWebhook", "Read a webhook and its delivery state")
        .with_parameters([webhooks::shape::id_parameter()])
        .returns(Answer::ok("The webhook").json::<WebhookView>())
        .fails_with(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn patch() -> Description {
    let summary = "Change a webhook; a pending retry starts at once";
    Description::new(WEBHOOKS, "patchWebhook", summary)
        .with_parameters([webhooks::shape::id_parameter()])
        .reads::<WebhookPatchBody>("application/merge-patch+json")
        .reads::<WebhookPatchBody>("application/json")
        .returns(Answer::ok("The changed webhook").json::<WebhookView>())
        .fails_with(&[JSON, BODY, WRITE, CONTENT, &[Code::NotFound]])
        .with_idempotency_key()
}

pub(crate) fn delete() -> Description {
    Description::new(WEBHOOKS, "deleteWebhook", "Delete a webhook and its delivery log")
        .with_parameters([webhooks::shape::id_parameter()])
        .returns(Answer::new(StatusCode::NO_CONTENT, "The webhook is deleted"))
        .fails_with(&[WRITE, &[Code::InvalidParameter, Code::NotFound]])
        .with_idempotency_key()
}

pub(crate) fn rotate() -> Description {
    let summary = "Rotate the secret of a webhook; both secrets sign during the overlap";
    Description::new(WEBHOOKS, "rotateWebhook", summary)
        .with_parameters([webhooks::shape::id_parameter()])
        .may_read::<WebhookRotateBody>("application/json")
        .returns(
            Answer::ok("The webhook with its new secret, which is shown only once")
                .json::<RotatedWebhookView>(),
        )
        .fails_with(&[JSON, BODY, WRITE, &[Code::NotFound, Code::InvalidWebhook]])
        .with_secret_response()
}

pub(crate) fn test() -> Description {
    let summary = "Send a signed test event now and return the result";
    Description::new(WEBHOOKS, "testWebhook", summary)
        .with_parameters([webhooks::shape::id_parameter()])
        .returns(Answer::ok("The result").json::<TestedView>())
        .fails_with(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn deliveries() -> Description {
    let summary = "List deliveries, newest first";
    Description::new(WEBHOOKS, "listDeliveries", summary)
        .with_parameters([webhooks::shape::id_parameter()])
        .with_parameters(parameters::page())
        .with_parameters([parameters::query(
            "status",
            "Only deliveries with this status",
            webhooks::shape::delivery_status(),
        )])
        .returns(
            Answer::ok("A page of deliveries; about the last 10 000 are kept")
                .json::<PageView<DeliveryView>>()
                .header("Link", shape::link()),
        )
        .fails_with(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn replay() -> Description {
    Description::new(WEBHOOKS, "replayWebhook", "Deliver all events after a sequence again")
        .with_parameters([webhooks::shape::id_parameter()])
        .reads::<ReplayBody>("application/json")
        .returns(Answer::ok("The webhook, whose deliveries start again").json::<WebhookView>())
        .fails_with(&[JSON, BODY, WRITE, &[Code::NotFound, Code::InvalidWebhook, Code::EventsGone]])
        .with_idempotency_key()
}
