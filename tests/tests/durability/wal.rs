//! A crash at any point of SQLite's write-ahead log: the database opens and holds a prefix of the
//! writes, each complete, including everything acknowledged by then.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread::{scope, sleep};
use std::time::Duration;

use orders_tests::{
    Answer, Client, Database, HOUR, Hook, Logged, OWN_KEY, Receiver, Scratch, Server, Setup, Sql,
    at, delivering, order,
};
use serde_json::{Value, json};

const NOON: i64 = 1_700_000_000_000;
const WINDOW: i64 = 3 * HOUR;
const CLIENTS: i64 = 3;
/// How many orders each client writes, besides a batch of each mode.
const ORDERS: i64 = 8;

/// A request that was acknowledged.
#[derive(Debug)]
struct Asked {
    /// Its changes: the order and its version after each.
    changes: Vec<String>,
    /// The length of the log when the response arrived.
    log: usize,
    /// Its key, with its path, its body and the response.
    retry: Option<(String, Value, Vec<u8>)>,
}

/// Clients of one server, and their responses.
struct Story<'a> {
    admin: &'a Client,
    file: &'a Path,
    told: Mutex<Vec<Asked>>,
}

impl Story<'_> {
    /// Records what was acknowledged.
    fn note(&self, answer: &Answer, changes: Vec<String>, retry: Option<(&str, &Value)>) {
        assert!(answer.status < 300, "{answer}");
        let log = fs::metadata(format!("{}-wal", self.file.display())).unwrap().len();
        let log = usize::try_from(log).unwrap();
        let retry = retry.map(|(key, body)| (key.to_owned(), body.clone(), answer.body.clone()));
        self.told.lock().unwrap().push(Asked { changes, log, retry });
    }

    /// Creates, moves, deletes, restores, and a batch of each mode.
    fn run(&self, number: i64) {
        let client = self.admin.another();
        let place = |n: i64| NOON + (number * 1_000 + n) * WINDOW;
        for n in 0..ORDERS {
            let id = format!("c{number}n{n}");
            let path = format!("/orders/{id}");
            let (body, key) = (order(&id, place(2 * n)), format!("create-{id}"));
            let key = (n % 2 == 0).then_some(key.as_str());
            let made = tell(&client, "POST", "/orders", Some(&body), key);
            self.note(&made, vec![format!("{id} 1")], key.map(|key| (key, &body)));
            if n % 2 == 1 {
                let moved = order(&id, place(2 * n) + HOUR);
                let moved = tell(&client, "PUT", &path, Some(&moved), None);
                self.note(&moved, vec![format!("{id} 2")], None);
            }
            if n % 4 == 3 {
                let deleted = tell(&client, "DELETE", &path, None, None);
                self.note(&deleted, vec![format!("{id} 3")], None);
            }
            if n % 8 == 7 {
                let restored = tell(&client, "POST", &format!("{path}/restore"), None, None);
                self.note(&restored, vec![format!("{id} 4")], None);
            }
            if n == ORDERS / 2 {
                self.run_batches(&client, number);
            }
        }
    }

    fn run_batches(&self, client: &Client, number: i64) {
        let place = |n: i64| NOON + (number * 1_000 + 500 + n) * WINDOW;
        let id = |n: i64| format!("c{number}n{n}");
        let create =
            |n: i64| json!({"op": "create", "order": order(&format!("b{number}n{n}"), place(n))});
        let mut operations: Vec<Value> = (0..12).map(create).collect();
        operations.push(json!({"op": "delete", "id": id(0)}));
        operations.push(json!({"op": "replace", "id": id(2), "order": order(&id(2), place(20))}));
        let mut changes: Vec<String> = (0..12).map(|n| format!("b{number}n{n} 1")).collect();
        changes.extend([format!("{} 2", id(0)), format!("{} 2", id(2))]);
        let body = json!({"mode": "atomic", "operations": operations});
        let key = format!("atomic-{number}");
        let answer = tell(client, "POST", "/orders/batch", Some(&body), Some(&key));
        self.note(&answer, changes, Some((&key, &body)));
        // The second is rejected, so it writes nothing.
        let operations = [create(30), create(30), create(31)];
        let body = json!({"mode": "each", "operations": operations});
        let key = format!("each-{number}");
        let answer = tell(client, "POST", "/orders/batch", Some(&body), Some(&key));
        let changes = vec![format!("b{number}n30 1"), format!("b{number}n31 1")];
        self.note(&answer, changes, Some((&key, &body)));
    }
}

/// Sends a request, with a body and under a key where there is one.
fn tell(
    client: &Client,
    method: &str,
    path: &str,
    body: Option<&Value>,
    key: Option<&str>,
) -> Answer {
    let mut request = client.request(method, path);
    if let Some(body) = body {
        request = request.json(body);
    }
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    request.send()
}

/// What a database holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    events: Vec<String>,
    /// Each with its stored response.
    keys: BTreeSet<String>,
    rest: Vec<String>,
}

impl State {
    fn of(file: &Path) -> Self {
        let mut sql = Sql::open(file);
        // A copy for inspection need not be synced to disk.
        sql.run("PRAGMA synchronous = OFF").unwrap();
        let events = "SELECT json_array(order_id || ' ' || version, sequence, kind, time_ms, \
                      actor, datetime_ms, total_fee, services, grp, created_at_ms) AS text \
                      FROM events ORDER BY sequence";
        let keys = "SELECT key || ' ' || hex(body) AS text FROM idempotency_keys";
        let rest = "SELECT json_array(id, version, datetime_ms, total_fee, services) AS text \
                    FROM orders \
                    UNION ALL SELECT json_array(order_id, scope, start_ms, end_ms) FROM order_slots \
                    UNION ALL SELECT json_array(last_sequence, last_service_id) FROM counters \
                    UNION ALL SELECT json_array(id, position, attempts, lease_until_ms) FROM webhooks \
                    UNION ALL SELECT json_array(sequence, status, attempts) FROM deliveries \
                    ORDER BY 1";
        Self {
            events: sql.texts(events),
            keys: sql.texts(keys).into_iter().collect(),
            rest: sql.texts(rest),
        }
    }

    fn has(&self, change: &str) -> bool {
        let start = format!("[\"{change}\",");
        self.events.iter().any(|event| event.starts_with(&start))
    }

    fn keeps(&self, key: &str, answer: &[u8]) -> bool {
        use std::fmt::Write;
        let mut row = format!("{key} ");
        for byte in answer {
            write!(row, "{byte:02X}").unwrap();
        }
        self.keys.contains(&row)
    }

    /// Checks what must be true of it, if the log was so long when it was cut off.
    fn assert_follows(&self, last: &Self, told: &[Asked], length: usize) {
        assert!(last.events.starts_with(&self.events), "no prefix at {length}: {self:?}");
        assert!(self.keys.is_subset(&last.keys), "an answer that nobody was given at {length}");
        for asked in told {
            let done = asked.changes.iter().filter(|change| self.has(change)).count();
            let is_done = done == asked.changes.len();
            assert!(is_done || done == 0, "done by halves at {length}: {asked:?}");
            assert!(is_done || asked.log > length, "acknowledged and lost at {length}: {asked:?}");
            if let Some((key, _, answer)) = &asked.retry {
                assert_eq!(self.keeps(key, answer), is_done, "at {length}: {asked:?}");
            }
        }
    }
}

/// A database written by several clients, with its log, and their responses.
fn written(scratch: &Scratch) -> (Logged, Vec<Asked>) {
    let file = scratch.file();
    drop(delivering(scratch, &[]));
    Logged::fold(&file);
    let (_server, admin) = delivering(scratch, &[]);
    let receiver = Receiver::start();
    let hook = Hook::make(&admin, &receiver);
    let story = Story { admin: &admin, file: &file, told: Mutex::default() };
    scope(|threads| {
        for number in 0..CLIENTS {
            let story = &story;
            threads.spawn(move || story.run(number));
        }
    });
    hook.wait_until_idle(&admin);
    hook.patch(&admin, &json!({"disabled": true}));
    // A lease may still be renewed, once.
    sleep(Duration::from_millis(300));
    (Logged::take(&file), story.told.into_inner().unwrap())
}

/// Runs something on each of many, two at a time.
fn on_each<T: Sync>(all: &[T], run: impl Fn(usize, &T) + Sync) {
    scope(|threads| {
        for half in 0..2 {
            let run = &run;
            threads.spawn(move || {
                all.iter().enumerate().skip(half).step_by(2).for_each(|(n, one)| run(n, one));
            });
        }
    });
}

/// Runs something on a copy that is gone afterwards.
fn with_copy<T>(scratch: &Scratch, name: &str, run: impl FnOnce(&Path) -> T) -> T {
    let dir = scratch.dir().join(name);
    fs::create_dir(&dir).unwrap();
    let result = run(&dir.join("orders.db"));
    fs::remove_dir_all(&dir).unwrap();
    result
}

#[test]
fn wherever_the_log_is_cut_off_the_database_holds_a_prefix_with_all_that_was_acknowledged() {
    let scratch = Database::Sqlite.fresh();
    let (logged, told) = written(&scratch);
    let frames = logged.frames();
    let state_at = |name: &str, length: usize| {
        with_copy(&scratch, name, |file| {
            logged.write_cut(file, length);
            State::of(file)
        })
    };
    let last = state_at("whole", logged.end_of(frames - 1));
    last.assert_follows(&last, &told, usize::MAX);
    // At the end of each frame, and here and there within one.
    let ends = (0..frames).map(|frame| logged.end_of(frame));
    let within = (0..frames).step_by(7).flat_map(|frame| {
        let begin = logged.begin_of(frame);
        [begin + 1, begin + 20, begin + 25, logged.end_of(frame) - 1]
    });
    let lengths: Vec<usize> = [0, 1, 31, 32].into_iter().chain(ends).chain(within).collect();
    let states = Mutex::new(BTreeMap::new());
    on_each(&lengths, |number, length| {
        let state = state_at(&format!("cut{number}"), *length);
        state.assert_follows(&last, &told, *length);
        // What is there of a transaction that is not whole changes nothing.
        let mut states = states.lock().unwrap();
        let same = states.entry(logged.whole(*length)).or_insert_with(|| state.clone());
        assert_eq!(state, *same, "at {length}");
    });
    let commits = (0..frames).filter(|frame| logged.commits(*frame)).count();
    assert_eq!(states.into_inner().unwrap().len(), commits + 1);
    eprintln!(
        "{frames} frames, {commits} commits, {} requests, {} events, {} cuts",
        told.len(),
        last.events.len(),
        lengths.len()
    );
    // Some of several concurrent writers share a transaction.
    assert!(frames > 100 && commits > 12 && last.events.len() > 60);
    // And the doctor finds nothing.
    let ends: Vec<usize> = (0..frames)
        .filter(|frame| logged.commits(*frame))
        .map(|frame| logged.end_of(frame))
        .collect();
    let sampled: Vec<usize> =
        ends.iter().copied().step_by(ends.len() / 24 + 1).chain(ends.last().copied()).collect();
    on_each(&sampled, |number, end| {
        with_copy(&scratch, &format!("doctor{number}"), |file| {
            // Not only what is whole.
            logged.write_cut(file, (end + 4_200).min(logged.end_of(frames - 1)));
            let run = scratch.run(&["doctor", "--database-url", file.to_str().unwrap()]);
            assert!(!run.assert_fine().stdout.contains("FAULT"));
        });
    });
}

#[test]
fn a_log_with_a_bit_that_is_wrong_counts_up_to_the_transaction_before() {
    let scratch = Database::Sqlite.fresh();
    let (logged, told) = written(&scratch);
    let frames = logged.frames();
    let read = |name: &str, length: usize| {
        with_copy(&scratch, name, |file| {
            logged.write_cut(file, length);
            State::of(file)
        })
    };
    let last = read("whole", logged.end_of(frames - 1));
    // In the head of a frame (its page, its size, its salt, its sum) and all over its page.
    let places: Vec<(usize, usize)> = (0..frames)
        .step_by(13)
        .flat_map(|frame| [0, 5, 9, 19, 24, 25 + frame * 13 % 4_000].map(|place| (frame, place)))
        .collect();
    on_each(&places, |number, (frame, place)| {
        let begin = logged.begin_of(*frame);
        let whole = logged.whole(begin);
        let before = whole.checked_sub(1).map_or(0, |frame| logged.end_of(frame));
        let bit = u8::try_from(number % 8).unwrap();
        let state = with_copy(&scratch, &format!("flip{number}"), |file| {
            logged.write_flipped(file, begin + place, bit);
            State::of(file)
        });
        assert_eq!(state, read(&format!("cut{number}"), before), "frame {frame}, byte {place}");
        state.assert_follows(&last, &told, before);
    });
}

#[test]
fn a_batch_whose_answer_was_lost_in_a_crash_is_done_once_wherever_the_log_ends() {
    let scratch = Database::Sqlite.fresh();
    let (logged, told) = written(&scratch);
    let batch = |asked: &&Asked| asked.changes.len() > 10;
    let asked = told.iter().find(batch).unwrap();
    let (key, body, answer) = asked.retry.as_ref().unwrap();
    let is_done = |frame: usize| {
        with_copy(&scratch, &format!("look{frame}"), |file| {
            logged.write_cut(file, logged.end_of(frame));
            State::of(file).has(&asked.changes[0])
        })
    };
    let commit = (0..logged.frames()).collect::<Vec<_>>().partition_point(|frame| !is_done(*frame));
    assert!(logged.commits(commit), "what is done is done by a commit");
    for (frame, was_done) in [(commit - 1, false), (commit, true)] {
        with_copy(&scratch, &format!("server{frame}"), |file| {
            logged.write_cut(file, logged.end_of(frame));
            let setup = Setup {
                url: file.to_str(),
                variables: &[("ORDERS_API_KEY", OWN_KEY)],
                ..Setup::default()
            };
            let server = Server::start_as(&scratch, &setup);
            let admin = server.with_key(OWN_KEY);
            let before = admin.all("/orders").len();
            let again = admin.request("POST", "/orders/batch").header("Idempotency-Key", key);
            let again = again.json(body).send().assert_status(200);
            let is_replayed = again.header("Idempotency-Replayed") == Some("true");
            assert_eq!(is_replayed, was_done, "{again}");
            let made = admin.all("/orders").len() - before;
            assert_eq!(made, if was_done { 0 } else { 11 });
            if was_done {
                assert_eq!(again.body, *answer);
            }
            let later = order("later", NOON - 10 * WINDOW);
            assert_eq!(later["datetime"], at(NOON - 10 * WINDOW));
            admin.post("/orders", &later).assert_status(201);
        });
    }
}

#[test]
fn a_migration_that_is_cut_off_anywhere_is_finished_by_the_next_start() {
    let scratch = Database::Sqlite.fresh();
    let source = scratch.file();
    // An open reader prevents the checkpoint at the end.
    drop(fs::File::create(&source).unwrap());
    let mut reader = Sql::open(&source);
    reader.run("PRAGMA journal_mode = WAL; BEGIN; SELECT 1 FROM sqlite_schema").unwrap();
    drop(scratch.run(&["migrate"]).assert_fine());
    let logged = Logged::take(&source);
    drop(reader);
    let frames = logged.frames();
    let commits = (0..frames).filter(|frame| logged.commits(*frame)).count();
    eprintln!("{frames} frames, {commits} commits");
    let mut lengths = vec![0, 31, 32];
    for frame in 0..frames {
        if frame % 3 == 0 || logged.commits(frame) || frame + 2 > frames {
            lengths.extend([logged.end_of(frame) - 100, logged.end_of(frame)]);
        }
    }
    on_each(&lengths, |number, length| {
        with_copy(&scratch, &format!("cut{number}"), |file| {
            logged.write_cut(file, *length);
            let url = file.to_str().unwrap();
            let tables = "SELECT count(*) AS number FROM sqlite_schema WHERE name = 'orders'";
            let is_done = logged.whole(*length) == frames;
            assert_eq!(Sql::open(file).number(tables) == 1, is_done, "at {length}");
            drop(scratch.run(&["migrate", "--database-url", url]).assert_fine());
            drop(scratch.run(&["doctor", "--database-url", url]).assert_fine());
        });
    });
}
