//! The meaning of each member of a body, for the reader of the document. A member without one fails a test.

use serde_json::Value;

/// The meaning of a member, by its schema and its path there. Without a schema, it is that of all members
/// with this path.
const MEANINGS: &[(&str, &str)] = &[
    (".created_at", "When it was created."),
    (".updated_at", "When it last changed."),
    (".data", "The rows of this page, in the order of the list."),
    (".next_cursor", "The `cursor` of the next page; `null` on the last page."),
    (".version", "The version. It starts at 1 and rises by one with each change."),
    ("AuditEntry.id", "The id of the entry. It rises with each entry."),
    ("AuditEntry.time", "When it was done."),
    ("AuditEntry.actor", "Who did it: the id of a key, or a word such as `command`."),
    ("AuditEntry.action", "What was done."),
    ("AuditEntry.target", "The id of what was changed."),
    ("AuditEntry.request_id", "The id of the request; `null` for a command."),
    ("Availability.data", "The free intervals of this page, earliest first."),
    ("Availability.policy", "The policy by which the intervals are free."),
    ("Batch.mode", "`atomic` performs all operations or none; `each` performs every valid one."),
    ("Batch.operations", "The operations. They are performed in this order."),
    ("Batch.operations[].op", "What to do: `create`, `replace` or `delete`."),
    ("Batch.operations[].order", "The order to store; required to create and replace."),
    ("Batch.operations[].id", "The id of the order; required to replace and delete."),
    ("Batch.operations[].if_match", "The expected version of the order, like `If-Match`."),
    ("BatchResult.status", "The status that a single request would have."),
    ("BatchResult.order", "The order, if the operation created or replaced it."),
    ("BatchResult.problem", "The problem, if the operation failed."),
    ("BatchResults.results", "One result for each operation, in the same order."),
    ("Conflict.order_id", "The id of the order that is too close."),
    ("Conflict.datetime", "When that order starts."),
    ("Conflict.services", "The services that both orders have, in scope `service`."),
    ("Delivery.id", "The id of the delivery."),
    ("Delivery.sequence", "The sequence of the event."),
    ("Delivery.type", "The type of the event."),
    ("Delivery.status", "`pending` is retried; `succeeded` and `failed` are final."),
    ("Delivery.attempts", "The number of attempts so far."),
    ("Delivery.http_status", "The status of the last response; `null` if there was none."),
    ("Delivery.next_attempt_at", "When the next attempt is due; `null` if there is none."),
    ("Event.specversion", "The version of CloudEvents."),
    ("Event.id", "The id of the event. It is unique within `source`."),
    ("Event.source", "The source of the event, as a URI reference."),
    ("Event.type", "What happened to the order."),
    ("Event.subject", "The id of the order."),
    ("Event.time", "When the change was committed."),
    ("Event.datacontenttype", "The media type of `data`."),
    ("Event.sequence", "The position in the feed. It rises with each event."),
    ("Event.sequencetype", "The type of `sequence`, as its extension defines it."),
    ("Event.data", "The change."),
    ("EventData.actor", "Who made the change: the id of an API key, or a word such as `seed`."),
    ("EventData.before", "The order before the change; `null` if it did not exist."),
    ("EventData.after", "The order after the change; `null` if it was deleted."),
    ("EventFeed.data", "The events of this page, oldest first."),
    ("EventFeed.next_after", "The `after` of the next page."),
    ("EventFeed.feed", "The id of the feed."),
    ("FreeInterval.start", "The first time at which an order would be accepted."),
    ("FreeInterval.end", "The last time at which an order would be accepted."),
    ("Key.id", "The id of the key. It is no secret."),
    ("Key.name", "The purpose of the key."),
    ("Key.role", "What the key may do. Each role includes the previous ones."),
    ("Key.key", "The secret that clients send. It is shown only once."),
    ("Key.expires_at", "When the key expires; `null` if never."),
    ("Key.expires_in", "How long the key is valid from now. `null` is for ever."),
    ("Key.last_used_at", "When the key was last used, to about a minute; `null` if never."),
    ("Key.revoked_at", "When the key was revoked; `null` if it was not."),
    ("Key.former_key_expires_at", "When the previous secret expires."),
    ("Order.id", "The id: 1 to 64 of `A-Z a-z 0-9 . _ ~ -`. By default, a UUIDv7."),
    ("Order.datetime", "When the order starts."),
    ("Order.totalfee", "The fee, with at most two decimals."),
    ("Order.services", "The services of the order, without repetition. All must exist."),
    ("Order.services[].id", "The id of the service."),
    ("Order.services[].name", "The name of the service, if the request has `expand=services`."),
    ("Policy.window", "The minimum gap between two orders."),
    ("Policy.scope", "`global` compares all orders; `service` those that share a service."),
    ("Policy.edit_lock", "How long an order cannot be updated after its creation."),
    ("Replay.after", "The sequence after which events are delivered again; 0 for all."),
    ("Rotation.overlap", "How long the previous secret stays valid; `0s` for not at all."),
    ("Rotation.expires_in", "How long the key is valid from now. By default, it is unchanged."),
    ("Service.id", "The id. If a new service has none, the server chooses one."),
    ("Service.name", "The name."),
    ("Slots.slots", "The first free times, earliest first."),
    ("Status.status", "`ok` if the process runs, `ready` if it is ready for requests."),
    ("Suggestions.previous", "The nearest earlier time; `null` if there is none."),
    ("Suggestions.next", "The nearest later time; `null` if there is none."),
    ("WebhookRotation.overlap", "How long the previous secret signs too."),
    ("WebhookTest.http_status", "The status of the response; `null` if there was none."),
    ("WebhookTest.duration_ms", "How long the attempt took, in milliseconds."),
    ("ProblemPage.type", "The type of the problem: the path of this page."),
    ("ProblemPage.title", "What the problem is, in short. It is the same for each occurrence."),
    ("ProblemPage.status", "The status of the response."),
    ("ProblemPage.meaning", "What the problem means, and what to do."),
    ("ProblemPage.example", "An example of the problem."),
    ("Problem.type", "The type of the problem. It is a path with the documentation."),
    ("Problem.title", "What the problem is, in short."),
    ("Problem.status", "The status of the response."),
    ("Problem.detail", "What is wrong in this case."),
    ("Problem.instance", "The path of the request."),
    ("Problem.request_id", "The id of the request, as in `X-Request-Id` and in the log."),
    ("Problem.errors", "What is wrong, field by field."),
    ("Problem.errors[].detail", "What is wrong with the field."),
    ("Problem.results", "One result for each operation of the batch, in the same order."),
    ("Problem.editable_at", "When the order can be updated."),
    ("Problem.errors[].parameter", "The name of the query parameter."),
    ("Problem.parameter", "The first query parameter that is invalid."),
    ("Problem.last_sequence", "The sequence of the last event."),
    ("Problem.feed", "The id of the feed."),
    ("Problem.first_sequence", "The sequence of the first event that is still available."),
    ("Problem.current_version", "The current version of the order."),
    ("Problem.policy", "The policy that rejects the order."),
    ("Problem.conflict_count", "The number of orders that are too close."),
    ("Problem.suggestions", "The nearest times that would be accepted."),
    ("Webhook.id", "The id of the webhook."),
    ("Webhook.url", "The endpoint."),
    ("Webhook.events", "The types of events to send. By default, all."),
    ("Webhook.description", "A note for people, of at most 500 characters."),
    ("Webhook.disabled", "Disabled webhooks send nothing."),
    ("Webhook.disabled_reason", "By request (`operator`), or the endpoint is gone (`gone`)."),
    ("Webhook.state.position", "The sequence up to which events are done."),
    ("Webhook.state.next_attempt_at", "When the next event is retried; `null` if none waits."),
    ("Webhook.secret", "The secret that signs messages. It is shown only once."),
    ("Webhook.former_secret_expires_at", "Until when the previous secret signs too."),
];

/// Adds the meaning of each member to the schemas of a document.
pub(super) fn describe(document: &mut Value) {
    let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    for (name, schema) in schemas.into_iter().flatten() {
        let base = if name.ends_with("Problem") { "Problem" } else { noun(name) };
        describe_members(base, "", schema);
    }
}

/// Returns the noun of a schema: `Key` of `NewKey`, `Order` of `OrderInput`.
fn noun(name: &str) -> &str {
    let core = name.strip_prefix("New").or_else(|| name.strip_prefix("Rotated")).unwrap_or(name);
    core.strip_suffix("Input").or_else(|| core.strip_suffix("Patch")).unwrap_or(core)
}

fn describe_members(noun: &str, place: &str, schema: &mut Value) {
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, member) in members.into_iter().flatten() {
        let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        let own = member.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = [meaning(noun, &place), own].map(sentence).join(" ");
        if let (Some(member), false) = (member.as_object_mut(), text.trim().is_empty()) {
            member.insert("description".to_owned(), text.trim().into());
        }
        describe_members(noun, &place, member);
    }
    if let Some(items) = schema.get_mut("items") {
        describe_members(noun, &format!("{place}[]"), items);
    }
    for choice in schema.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
        describe_members(noun, place, choice);
    }
}

/// Returns the meaning of a member; empty if its schema alone has it.
fn meaning(noun: &str, place: &str) -> &'static str {
    let find = |noun: &str| {
        let name = format!("{noun}.{place}");
        MEANINGS.iter().find(|(known, _)| *known == name)
    };
    find(noun).or_else(|| find("")).map_or("", |(_, meaning)| *meaning)
}

fn sentence(text: &str) -> String {
    let is_whole = text.is_empty() || text.ends_with('.');
    format!("{text}{}", if is_whole { "" } else { "." })
}
