//! Concurrent clients on one process and on several: exactly one succeeds, and every rejection is
//! justified.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_wrap,
    reason = "clients and rounds are few"
)]

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread::scope;

use orders_tests::{
    Answer, Client, Database, HOUR, Scratch, Server, assert_spaced, at, millis_of, order,
};
use rstest::rstest;
use serde_json::{Value, json};

const NOON: i64 = 1_700_000_000_000;
const DAY: i64 = 24 * HOUR;
const WINDOW: i64 = 3 * HOUR;

/// A number of processes on one database.
fn processes(database: Database, number: usize) -> (Scratch, Vec<Server>) {
    let first = Server::fresh(database);
    let scratch = first.scratch().clone();
    let mut servers = vec![first];
    servers.extend((1..number).map(|_| Server::start(&scratch)));
    (scratch, servers)
}

/// Releases clients together, round after round. Returns the responses of each round, by client.
///
/// Nothing fails in here: a client that did would leave the others waiting for ever.
fn race(
    servers: &[Server],
    clients: usize,
    rounds: usize,
    ask: impl Fn(&Client, usize, usize) -> Result<Answer, String> + Sync,
) -> Vec<Vec<Answer>> {
    let barrier = Barrier::new(clients);
    let by_client: Vec<Vec<_>> = scope(|threads| {
        let run = |(number, server): (usize, &Server)| {
            let (client, barrier, ask) = (server.another(), &barrier, &ask);
            threads.spawn(move || {
                let one = |round| {
                    barrier.wait();
                    ask(&client, round, number)
                };
                (0..rounds).map(one).collect()
            })
        };
        let running: Vec<_> = servers.iter().cycle().take(clients).enumerate().map(run).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut by_client: Vec<_> = by_client.into_iter().map(Vec::into_iter).collect();
    let next =
        |answers: &mut std::vec::IntoIter<Result<Answer, String>>| answers.next().unwrap().unwrap();
    (0..rounds).map(|_| by_client.iter_mut().map(next).collect()).collect()
}

fn post(client: &Client, body: &Value) -> Result<Answer, String> {
    client.request("POST", "/orders").json(body).try_send().map_err(|error| error.to_string())
}

fn put(client: &Client, id: &str, body: &Value) -> Result<Answer, String> {
    let request = client.request("PUT", format!("/orders/{id}")).json(body);
    request.try_send().map_err(|error| error.to_string())
}

/// Numbers without a pattern, the same in every run.
fn scatter(round: usize, client: usize, below: i64) -> i64 {
    let mut x = (round as u64) << 32 | client as u64 | 1 << 63;
    for _ in 0..3 {
        x ^= x >> 31;
        x = x.wrapping_mul(0x7fb5_d329_728e_a185);
    }
    (x >> 33) as i64 % below
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// What is stored in the end: ids and their instants, all of them far enough apart.
fn stored(server: &Server) -> BTreeMap<String, i64> {
    let orders = server.all("/orders");
    let stored: BTreeMap<String, i64> = orders
        .iter()
        .map(|order| (text(order, "id").to_owned(), millis_of(text(order, "datetime"))))
        .collect();
    assert_eq!(stored.len(), orders.len());
    assert_spaced(stored.values().copied().collect(), WINDOW);
    stored
}

/// Checks that a rejection names only stored orders that are really too close.
fn assert_just(refusal: &Answer, asked: i64, stored: &BTreeMap<String, i64>) {
    let problem = refusal.problem(409, "order-conflict");
    let conflicts = problem["conflicts"].as_array().unwrap();
    assert!(!conflicts.is_empty(), "{refusal}");
    for conflict in conflicts {
        let there = stored.get(text(conflict, "order_id"));
        assert_eq!(there.copied(), Some(millis_of(text(conflict, "datetime"))), "{refusal}");
        assert!(there.is_some_and(|there| (there - asked).abs() < WINDOW), "{refusal}");
    }
}

#[rstest]
#[case::sqlite(Database::Sqlite, 1)]
#[case::sqlite_with_two_processes(Database::Sqlite, 2)]
#[case::postgres(Database::Postgres, 1)]
#[case::postgres_with_three_processes(Database::Postgres, 3)]
fn of_overlapping_orders_sent_together_exactly_one_is_created(
    #[case] database: Database,
    #[case] number: usize,
    #[values(24, 64)] clients: usize,
) {
    let (scratch, servers) = processes(database, number);
    let instant = |round: usize, client| NOON + round as i64 * DAY + scatter(round, client, WINDOW);
    let rounds = race(&servers, clients, 100, |client, round, number| {
        post(client, &order(&format!("r{round}c{number}"), instant(round, number)))
    });
    let stored = stored(&servers[0]);
    assert_eq!(stored.len(), 100);
    for (round, answers) in rounds.iter().enumerate() {
        assert_eq!((count(answers, 201), count(answers, 409)), (1, clients - 1), "round {round}");
        for (number, answer) in
            answers.iter().enumerate().filter(|(_, answer)| answer.status == 409)
        {
            assert_just(answer, instant(round, number), &stored);
        }
    }
    for server in &servers {
        assert_eq!(server.all("/orders").len(), 100);
    }
    scratch.assert_calm();
}

#[rstest]
#[case::sqlite(Database::Sqlite, 1)]
#[case::sqlite_with_two_processes(Database::Sqlite, 2)]
#[case::postgres(Database::Postgres, 1)]
#[case::postgres_with_three_processes(Database::Postgres, 3)]
fn of_orders_moved_together_to_overlapping_instants_exactly_one_arrives(
    #[case] database: Database,
    #[case] number: usize,
) {
    let (scratch, servers) = processes(database, number);
    let clients = 24;
    for client in 0..clients {
        let far = order(&format!("c{client}"), NOON - (client as i64 + 1) * DAY);
        servers[0].post("/orders", &far).assert_status(201);
    }
    let instant = |round: usize, client| NOON + round as i64 * DAY + scatter(round, client, WINDOW);
    let rounds = race(&servers, clients, 40, |client, round, number| {
        let id = format!("c{number}");
        put(client, &id, &order(&id, instant(round, number)))
    });
    stored(&servers[0]);
    for (round, answers) in rounds.iter().enumerate() {
        assert_eq!((count(answers, 200), count(answers, 409)), (1, clients - 1), "round {round}");
        let winner = answers.iter().find(|answer| answer.status == 200).unwrap().json();
        for answer in answers.iter().filter(|answer| answer.status == 409) {
            assert_eq!(
                answer.problem(409, "order-conflict")["conflicts"][0]["order_id"],
                winner["id"]
            );
        }
    }
    scratch.assert_calm();
}

#[rstest]
#[case::sqlite(Database::Sqlite, 1)]
#[case::sqlite_with_two_processes(Database::Sqlite, 2)]
#[case::postgres(Database::Postgres, 1)]
#[case::postgres_with_three_processes(Database::Postgres, 3)]
fn no_order_is_refused_because_of_a_neighbour_that_was_itself_refused(
    #[case] database: Database,
    #[case] number: usize,
    // In a chain each is two hours from the next; else they lie anywhere within two days.
    #[values(true, false)] chain: bool,
) {
    let (scratch, servers) = processes(database, number);
    let clients = 24;
    let instant = |round: usize, client: usize| {
        let within = if chain { client as i64 * 2 * HOUR } else { scatter(round, client, 2 * DAY) };
        NOON + round as i64 * 7 * DAY + within
    };
    let rounds = race(&servers, clients, 40, |client, round, number| {
        post(client, &order(&format!("r{round}c{number}"), instant(round, number)))
    });
    // Nothing was moved or deleted, so the orders that conflicted with a rejected one
    // are still there.
    let stored = stored(&servers[0]);
    let mut created = 0;
    for (round, answers) in rounds.iter().enumerate() {
        for (number, answer) in answers.iter().enumerate() {
            if answer.status == 201 {
                created += 1;
            } else {
                assert_just(answer, instant(round, number), &stored);
            }
        }
    }
    assert_eq!(stored.len(), created);
    scratch.assert_calm();
}

#[rstest]
#[case::sqlite(Database::Sqlite, 2)]
#[case::postgres(Database::Postgres, 3)]
fn of_orders_with_one_id_sent_together_exactly_one_is_created(
    #[case] database: Database,
    #[case] number: usize,
) {
    let (scratch, servers) = processes(database, number);
    let clients = 24;
    let created = race(&servers, clients, 20, |client, round, number| {
        let instant = NOON + (round * clients + number) as i64 * WINDOW;
        post(client, &order(&format!("r{round}"), instant))
    });
    for answers in &created {
        assert_eq!((count(answers, 201), count(answers, 409)), (1, clients - 1));
        for answer in answers.iter().filter(|answer| answer.status == 409) {
            answer.problem(409, "order-exists");
        }
    }
    assert_eq!(stored(&servers[0]).len(), 20);
    let deleted = race(&servers, clients, 20, |client, round, _| {
        let request = client.request("DELETE", format!("/orders/r{round}"));
        request.try_send().map_err(|error| error.to_string())
    });
    for answers in &deleted {
        assert_eq!((count(answers, 204), count(answers, 404)), (1, clients - 1));
    }
    assert_eq!(stored(&servers[0]).len(), 0);
    scratch.assert_calm();
}

#[rstest]
#[case::sqlite(Database::Sqlite, 2)]
#[case::postgres(Database::Postgres, 3)]
fn of_replacements_sent_together_each_gets_a_version_of_its_own(
    #[case] database: Database,
    #[case] number: usize,
) {
    let (scratch, servers) = processes(database, number);
    servers[0].post("/orders", &order("a", NOON)).assert_status(201);
    let (clients, rounds) = (16, 10);
    let answers = race(&servers, clients, rounds, |client, round, number| {
        let mut body = order("a", NOON);
        body["totalfee"] = json!(1_000 + round * clients + number);
        put(client, "a", &body)
    });
    let mut versions: Vec<i64> = answers
        .into_iter()
        .flatten()
        .filter_map(|answer| answer.assert_status(200).json()["version"].as_i64())
        .collect();
    versions.sort_unstable();
    let expected: Vec<i64> = (2..).take(clients * rounds).collect();
    assert_eq!(versions, expected);
    scratch.assert_calm();
}

#[rstest]
#[case::sqlite(Database::Sqlite, 2)]
#[case::postgres(Database::Postgres, 3)]
fn of_changes_to_the_version_that_all_have_read_exactly_one_is_made(
    #[case] database: Database,
    #[case] number: usize,
) {
    let (scratch, servers) = processes(database, number);
    servers[0].post("/orders", &order("a", NOON)).assert_status(201);
    let (clients, rounds) = (24, 20);
    let answers = race(&servers, clients, rounds, |client, round, number| {
        let (change, tag) = (round * clients + number, format!("\"{}\"", round + 1));
        let body = if number % 2 == 0 {
            json!({"totalfee": 1_000 + change})
        } else {
            json!({"datetime": at(NOON + 1_000 * change as i64)})
        };
        let request = client.request("PATCH", "/orders/a").header("If-Match", &tag).json(&body);
        request.try_send().map_err(|error| error.to_string())
    });
    for (answers, version) in answers.iter().zip(2..) {
        assert_eq!((count(answers, 200), count(answers, 412)), (1, clients - 1));
        let changed = answers.iter().find(|answer| answer.status == 200).unwrap();
        assert_eq!(changed.json()["version"], version);
        for stale in answers.iter().filter(|answer| answer.status == 412) {
            assert_eq!(stale.problem(412, "version-mismatch")["current_version"], version);
        }
    }
    scratch.assert_calm();
}

#[rstest]
#[case::sqlite(Database::Sqlite, 2)]
#[case::postgres(Database::Postgres, 3)]
fn services_made_together_get_ids_of_their_own(#[case] database: Database, #[case] number: usize) {
    let (scratch, servers) = processes(database, number);
    let (clients, rounds) = (16, 10);
    let answers = race(&servers, clients, rounds, |client, round, number| {
        // Half of them race for one name.
        let name = if number % 2 == 0 { format!("r{round}") } else { format!("r{round}c{number}") };
        let request = client.request("POST", "/services").json(&json!({"name": name}));
        request.try_send().map_err(|error| error.to_string())
    });
    for answers in &answers {
        assert_eq!((count(answers, 201), count(answers, 409)), (1 + clients / 2, clients / 2 - 1));
    }
    let services = servers[0].all("/services");
    let mut ids: Vec<i64> = services.iter().filter_map(|service| service["id"].as_i64()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3 + rounds * (1 + clients / 2));
    scratch.assert_calm();
}

#[rstest]
#[case::sqlite(Database::Sqlite, 2)]
#[case::postgres(Database::Postgres, 3)]
fn a_service_is_never_deleted_under_an_order(#[case] database: Database, #[case] number: usize) {
    let (scratch, servers) = processes(database, number);
    let (clients, rounds) = (8, 30);
    for round in 0..rounds {
        let service = json!({"id": 1_000 + round, "name": format!("S{round}")});
        servers[0].post("/services", &service).assert_status(201);
    }
    let answers = race(&servers, clients, rounds, |client, round, number| {
        if number == 0 {
            let request = client.request("DELETE", format!("/services/{}", 1_000 + round));
            return request.try_send().map_err(|error| error.to_string());
        }
        let mut body =
            order(&format!("r{round}c{number}"), NOON + (round * clients + number) as i64 * WINDOW);
        body["services"] = json!([{"id": 1_000 + round}]);
        post(client, &body)
    });
    for (round, answers) in answers.iter().enumerate() {
        let used = server_uses(&servers[0], 1_000 + round);
        let exists = servers[0].get(format!("/services/{}", 1_000 + round)).status == 200;
        if answers[0].status == 204 {
            assert!(!exists && used == 0, "round {round}");
        } else {
            answers[0].problem(409, "service-in-use");
            assert!(exists && used == count(answers, 201) && used > 0, "round {round}");
        }
        for answer in answers.iter().skip(1).filter(|answer| answer.status != 201) {
            answer.problem(422, "unknown-service");
        }
    }
    scratch.assert_calm();
}

fn server_uses(server: &Server, service: usize) -> usize {
    server.all(&format!("/orders?service={service}")).len()
}

#[rstest]
#[case::sqlite(Database::Sqlite, 2)]
#[case::postgres(Database::Postgres, 3)]
fn orders_that_come_and_go_never_overlap(#[case] database: Database, #[case] number: usize) {
    let (scratch, servers) = processes(database, number);
    let clients = 16;
    // Each client creates, moves and deletes its own orders, all within a short interval.
    let answers = race(&servers, clients, 60, |client, round, number| {
        let (id, instant) = (format!("c{number}"), NOON + scatter(round, number, 2 * DAY));
        match round % 4 {
            0 | 1 => post(client, &order(&id, instant)),
            2 => put(client, &id, &order(&id, instant)),
            _ if number % 2 == 0 => put(client, &id, &order(&id, instant)),
            _ => client
                .request("DELETE", format!("/orders/{id}"))
                .try_send()
                .map_err(|error| error.to_string()),
        }
    });
    // The stored orders are those of the last responses.
    let mut expected = BTreeMap::new();
    for (number, answer) in answers.iter().flat_map(|answers| answers.iter().enumerate()) {
        match answer.status {
            200 | 201 => drop(
                expected.insert(format!("c{number}"), millis_of(text(&answer.json(), "datetime"))),
            ),
            204 => drop(expected.remove(&format!("c{number}"))),
            404 | 409 => {}
            _ => panic!("{answer}"),
        }
    }
    for server in &servers {
        assert_eq!(stored(server), expected);
    }
    scratch.assert_calm();
}

#[rstest]
#[case::sqlite(Database::Sqlite, 2)]
#[case::postgres(Database::Postgres, 3)]
fn batches_that_the_database_refuses_keep_the_lock_from_nobody(
    #[case] database: Database,
    #[case] number: usize,
) {
    let (scratch, servers) = processes(database, number);
    let mut sql = scratch.sql();
    let race = |first: i64| {
        race(&servers, 16, 2, |client, round, number| {
            let place = first + (round * 16 + number) as i64;
            post(client, &order(&format!("o{place}"), NOON + place * WINDOW))
        })
        .concat()
    };
    assert_eq!(count(&race(0), 201), 32);
    // A foreign row at the next sequence makes every write fail.
    sql.run(
        "INSERT INTO events (sequence, order_id, version, kind, time_ms, actor, datetime_ms, \
         total_fee, services, grp, created_at_ms) \
         SELECT last_sequence + 1, 'stray', 1, 'created', 0, 'stray', 0, 0, '[123]', 1, 0 \
         FROM counters",
    )
    .unwrap();
    let refused = race(100);
    assert_eq!(count(&refused, 503), 32, "{refused:?}");
    sql.run("DELETE FROM events WHERE order_id = 'stray'").unwrap();
    // Everything, and at once: the lock is free.
    assert_eq!(count(&race(100), 201), 32);
    let stored = stored(&servers[0]);
    assert_eq!(stored.len(), 64);
    assert_spaced(stored.into_values().collect(), WINDOW);
}

#[rstest]
#[case::sqlite(Database::Sqlite, 2)]
#[case::postgres(Database::Postgres, 3)]
fn nobody_writes_by_a_policy_that_was_replaced(#[case] database: Database, #[case] number: usize) {
    let (scratch, servers) = processes(database, number);
    for round in 0..10 {
        drop(scratch.run(&["policy", "set", "--scope", "service"]).assert_fine());
        let start = Barrier::new(3);
        let instant = NOON + round * DAY;
        let send = |server: &Server, service: i64, shift: i64| {
            let mut body = order(&format!("r{round}s{service}"), instant + shift);
            body["services"] = json!([{"id": service}]);
            start.wait();
            post(server, &body)
        };
        let (first, second, set) = scope(|threads| {
            let first = threads.spawn(|| send(&servers[0], 123, 0));
            let second = threads.spawn(|| send(&servers[number - 1], 456, HOUR));
            start.wait();
            let set = scratch.run(&["policy", "set", "--scope", "global"]);
            (first.join().unwrap().unwrap(), second.join().unwrap().unwrap(), set)
        });
        let both = first.status == 201 && second.status == 201;
        // Either the new policy saw both and was rejected, or it decided the second order.
        assert_eq!(set.code, Some(i32::from(both)), "{first}\n{second}\n{set:?}");
        assert!(both || count(&[first, second], 201) == 1);
        for order in servers[0].all(&format!("/orders?from={}", at(instant))) {
            servers[0].delete(format!("/orders/{}", text(&order, "id"))).assert_status(204);
        }
    }
}
