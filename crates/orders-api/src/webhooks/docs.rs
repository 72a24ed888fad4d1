//! The documentation of `/webhooks`.

use actix_web::http::StatusCode;
use serde_json::json;

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
        .details("Returns one page; follow `next_cursor` for the rest.")
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
        .details(
            "Sends the events from now on to an HTTPS endpoint, signed as Standard Webhooks \
             defines. The response is the only one with the secret, so store it. A retry \
             with the same `Idempotency-Key` is 409 `already-done`.",
        )
        .reads::<WebhookBody>("application/json")
        .returns(
            Answer::new(
                StatusCode::CREATED,
                "The webhook with its secret, which is shown only once",
            )
            .json::<NewWebhookView>()
            .showing("/description", json!("Notifies the warehouse"))
            .header("Location", shape::path_of("webhooks")),
        )
        .fails_with(&[JSON, BODY, WRITE, CONTENT, &[Code::TooManyWebhooks]])
        .with_secret_response()
}

pub(crate) fn find() -> Description {
    Description::new(WEBHOOKS, "findWebhook", "Read a webhook and its delivery state")
        .details("Returns a webhook, how far its deliveries are, and whether they fail.")
        .with_parameters([webhooks::shape::id_parameter()])
        .returns(Answer::ok("The webhook").json::<WebhookView>())
        .fails_with(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn patch() -> Description {
    let summary = "Change a webhook; a pending retry starts at once";
    Description::new(WEBHOOKS, "patchWebhook", summary)
        .details(
            "Sets the members that the body has and keeps the others. With `disabled: \
             false`, deliveries continue at the webhook's position.",
        )
        .with_parameters([webhooks::shape::id_parameter()])
        .reads::<WebhookPatchBody>("application/merge-patch+json")
        .reads::<WebhookPatchBody>("application/json")
        .returns(
            Answer::ok("The changed webhook")
                .json::<WebhookView>()
                .showing("/disabled", json!(true))
                .showing("/disabled_reason", json!("operator")),
        )
        .fails_with(&[JSON, BODY, WRITE, CONTENT, &[Code::NotFound]])
        .with_idempotency_key()
}

pub(crate) fn delete() -> Description {
    Description::new(WEBHOOKS, "deleteWebhook", "Delete a webhook and its delivery log")
        .details(
            "Deletes a webhook, its secrets and its delivery log. Nothing is sent from then \
             on.",
        )
        .with_parameters([webhooks::shape::id_parameter()])
        .returns(Answer::new(StatusCode::NO_CONTENT, "The webhook is deleted"))
        .fails_with(&[WRITE, &[Code::InvalidParameter, Code::NotFound]])
        .with_idempotency_key()
}

pub(crate) fn rotate() -> Description {
    let summary = "Rotate the secret of a webhook; both secrets sign during the overlap";
    Description::new(WEBHOOKS, "rotateWebhook", summary)
        .details(
            "Creates a new secret. During the overlap, messages have two signatures, so \
             that the receiver can switch. The response is the only one with the new \
             secret, so store it.",
        )
        .with_parameters([webhooks::shape::id_parameter()])
        .may_read::<WebhookRotateBody>("application/json")
        .returns(
            Answer::ok("The webhook with its new secret, which is shown only once")
                .json::<RotatedWebhookView>()
                .showing("/former_secret_expires_at", json!("2022-11-02T11:11:11.111Z")),
        )
        .fails_with(&[JSON, BODY, WRITE, &[Code::NotFound, Code::InvalidWebhook]])
        .with_secret_response()
}

pub(crate) fn test() -> Description {
    let summary = "Send a signed test event now and return the result";
    Description::new(WEBHOOKS, "testWebhook", summary)
        .details(
            "Sends an event of type `webhook.test` and waits for the response of the \
             endpoint. The test is not retried and is not part of the delivery log.",
        )
        .with_parameters([webhooks::shape::id_parameter()])
        .returns(
            Answer::ok("The result")
                .json::<TestedView>()
                .showing("/delivered", json!(true))
                .showing("/http_status", json!(204))
                .showing("/duration_ms", json!(38)),
        )
        .fails_with(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn deliveries() -> Description {
    let summary = "List deliveries, newest first";
    Description::new(WEBHOOKS, "listDeliveries", summary)
        .details(
            "Returns the delivery log of a webhook, page by page; follow `next_cursor` for \
             the rest.",
        )
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
                .showing("/data/0/message_id", json!("msg_5f1d3a0c7a544a0e_4"))
                .showing("/data/0/type", json!("order.created"))
                .showing("/data/0/status", json!("succeeded"))
                .showing("/data/0/http_status", json!(204))
                .showing("/data/0/duration_ms", json!(38))
                .header("Link", shape::link()),
        )
        .fails_with(&[JSON, READ, &[Code::NotFound]])
}

pub(crate) fn replay() -> Description {
    Description::new(WEBHOOKS, "replayWebhook", "Deliver all events after a sequence again")
        .details(
            "Sends all events after a sequence again, in order, for example after the \
             receiver lost data. The receiver can recognize repeated events by their \
             `webhook-id`.",
        )
        .with_parameters([webhooks::shape::id_parameter()])
        .reads::<ReplayBody>("application/json")
        .returns(
            Answer::ok("The webhook, whose deliveries start again")
                .json::<WebhookView>()
                .showing("/state/position", json!("0"))
                .showing("/state/pending", json!(4)),
        )
        .fails_with(&[JSON, BODY, WRITE, &[Code::NotFound, Code::InvalidWebhook, Code::EventsGone]])
        .with_idempotency_key()
}
