//! What the values of the domain accept, and that they are shown as they were given.

use orders_core::decide::{Fingerprint, IdempotencyKey, Neighbour, OrderConflict, Versions};
use orders_core::key::{KeyId, KeyName, Role};
use orders_core::policy::PolicyPatch;
use orders_core::service::{ServiceCommand, ServiceName};
use orders_core::time::PeriodError;
use orders_core::webhook::{
    Disabled, EventPattern, EventPatterns, SigningSecret, WebhookDescription, WebhookId,
};
use orders_core::{
    EventKind, Fee, Needs, OrderId, Period, Policy, Refusal, Scope, Service, ServiceId, Timestamp,
};

#[test]
fn what_was_given_is_what_is_shown() {
    let id = OrderId::parse("order-7").unwrap();
    assert_eq!((id.as_ref(), id.to_string().as_str()), ("order-7", "order-7"));
    assert_eq!(ServiceId::new(456).unwrap().to_string(), "456");
    let key = KeyId::from_random([7; 8]);
    assert_eq!(key.to_string(), key.as_str());
    let webhook = WebhookId::from_random([7; 8]);
    assert_eq!(webhook.to_string(), webhook.as_str());
    assert_eq!(IdempotencyKey::parse("retry-1").unwrap().to_string(), "retry-1");
    assert_eq!(Fingerprint::new("POST /orders").as_str(), "POST /orders");
    for role in Role::ALL {
        assert_eq!(role.to_string(), role.as_str());
    }
    for hundredths in [0, 1, 12_345] {
        assert_eq!(Fee::from_hundredths(hundredths).unwrap().as_hundredths(), hundredths);
    }
    let secret = SigningSecret::new((0..32).collect()).unwrap();
    assert_eq!(secret.expose(), (0..32).collect::<Vec<u8>>());
    assert_eq!(format!("{secret:?}"), "SigningSecret(…)");
}

#[test]
fn words_are_read_as_they_are_written() {
    for (word, scope) in [("global", Scope::Global), ("service", Scope::Service)] {
        assert_eq!((Scope::parse(word), scope.as_str()), (Ok(scope), word));
        assert_eq!(scope.to_string(), word);
    }
    assert!(Scope::parse("Global").is_err());
    for (word, reason) in [("operator", Disabled::Operator), ("gone", Disabled::Gone)] {
        assert_eq!((Disabled::parse(word), reason.as_str()), (Ok(reason), word));
    }
    assert!(Disabled::parse("Gone").is_err());
}

#[test]
fn the_name_of_a_key_has_1_to_200_characters_and_no_control_characters() {
    assert_eq!(KeyName::parse(" Front desk ").unwrap().as_str(), "Front desk");
    assert_eq!(KeyName::parse(&"é".repeat(200)).unwrap().as_str(), "é".repeat(200));
    for text in ["", "  ", "a\u{7}b", "a\nb", &"é".repeat(201)] {
        assert!(KeyName::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn the_description_of_a_webhook_has_up_to_500_characters_and_no_control_characters() {
    for text in ["", " kept as it is ", &"é".repeat(500)] {
        assert_eq!(WebhookDescription::parse(text).unwrap().as_str(), text);
    }
    for text in ["a\u{7}b", "a\nb", &"é".repeat(501)] {
        assert!(WebhookDescription::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn patterns_stay_in_the_order_given() {
    let texts = ["order.deleted", "order.created"];
    let patterns: Vec<_> = texts.iter().map(|text| EventPattern::parse(text).unwrap()).collect();
    let kept = EventPatterns::new(patterns.clone()).unwrap();
    assert_eq!(kept.to_vec(), patterns);
}

#[test]
fn a_command_about_a_service_names_what_it_is_about() {
    let (id, name) = (ServiceId::new(7).unwrap(), ServiceName::parse("Testing").unwrap());
    assert_eq!((name.as_str(), name.key().as_str()), ("Testing", "testing"));
    let service = Service { id, name: name.clone() };
    for (command, number, called) in [
        (ServiceCommand::Create { id: None, name: name.clone() }, None, Some(&name)),
        (ServiceCommand::Create { id: Some(id), name: name.clone() }, Some(id), Some(&name)),
        (ServiceCommand::Replace(service), Some(id), Some(&name)),
        (ServiceCommand::Delete(id), Some(id), None),
    ] {
        assert_eq!((command.id(), command.name()), (number, called), "{command:?}");
    }
}

#[test]
fn a_policy_keeps_what_a_patch_does_not_name() {
    let before = Policy { edit_lock: Some(Period::DAY), ..Policy::default() };
    assert_eq!(before.with(&PolicyPatch::default()), before);
    let window = Period::from_millis(5).unwrap();
    let patch =
        PolicyPatch { window: Some(window), scope: Some(Scope::Service), edit_lock: Some(None) };
    let after = Policy { window, scope: Scope::Service, edit_lock: None };
    assert_eq!(before.with(&patch), after);
}

#[test]
fn a_part_of_a_second_is_digits() {
    for text in ["PT0.S", "PT0.xS", "PT0.1xS", "PT0.-1S", "PT.5S"] {
        assert_eq!(Period::parse(text), Err(PeriodError::Malformed), "{text}");
    }
}

#[test]
fn versions_are_those_named_or_all_but_those() {
    let (among, all_but) = (Versions::Among(vec![2, 5]), Versions::AllBut(vec![2, 5]));
    for (version, is_named) in [(1, false), (2, true), (5, true), (6, false)] {
        assert_eq!(among.contain(version), is_named, "{version}");
        assert_eq!(all_but.contain(version), !is_named, "{version}");
    }
}

/// Every value is read by `parse`, `FromStr` and `TryFrom<&str>` alike, and shown as it is read.
#[test]
fn values_are_read_from_text_in_every_way_and_shown_again() {
    fn assert_read<T>(text: &str)
    where
        T: std::str::FromStr + for<'a> TryFrom<&'a str> + std::fmt::Display,
    {
        let read: T = text.parse().ok().unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!(T::try_from(text).ok().unwrap().to_string(), text);
        assert!("\0".parse::<T>().is_err(), "{text}");
    }
    assert_read::<Timestamp>("2022-11-01T11:11:11.111Z");
    assert_read::<Period>("PT3H");
    assert_read::<Fee>("99.5");
    assert_read::<OrderId>("visit-7");
    assert_read::<ServiceId>("123");
    assert_read::<ServiceName>("Testing");
    assert_read::<Scope>("service");
    assert_read::<Role>("admin");
    assert_read::<KeyId>("key_00010203040506ff");
    assert_read::<KeyName>("billing");
    assert_read::<WebhookId>("whk_00010203040506ff");
    assert_read::<WebhookDescription>("Billing");
    assert_read::<EventPattern>("order.*");
    assert_read::<Disabled>("gone");
    assert_read::<EventKind>("restored");
    assert_read::<IdempotencyKey>("k-1");
}

#[test]
fn errors_say_what_is_wrong() {
    fn shown(error: impl std::error::Error) -> String {
        error.to_string()
    }
    assert_eq!(shown(Scope::parse("all").unwrap_err()), "must be global or service");
    assert_eq!(
        shown(Needs::default()),
        "the snapshot lacks 0 orders, 0 services, 0 spans and 0 idempotency keys"
    );
    let id = OrderId::parse("223").unwrap();
    assert_eq!(shown(Refusal::NotFound(id.clone())), "there is no order 223");
    let nearest = Neighbour {
        order_id: id,
        datetime: Timestamp::MIN,
        gap_ms: -1_800_000,
        services: Vec::new(),
    };
    let conflict = OrderConflict {
        policy: Policy::default(),
        nearest: vec![nearest],
        count: 1,
        previous: None,
        next: None,
    };
    assert_eq!(
        shown(Refusal::Conflict(Box::new(conflict))),
        "order 223 is 30 minutes earlier; orders must be at least 3 hours apart"
    );
}
