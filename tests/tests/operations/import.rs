//! `import`: orders from files follow the same rules, with a result for each row.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::thread::scope;

use orders_tests::{Database, HOUR, Run, Scratch, Server, at, order, sample_data};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;

fn verdicts(run: &Run) -> Vec<Value> {
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The verdicts on all rows, as words.
fn words(run: &Run) -> Vec<String> {
    verdicts(run).iter().map(|row| row["verdict"].as_str().unwrap().to_owned()).collect()
}

fn lines(orders: &[Value]) -> String {
    orders.iter().flat_map(|order| [order.to_string(), "\n".to_owned()]).collect()
}

fn ids(server: &Server) -> Vec<Value> {
    server.all("/orders").iter().map(|order| order["id"].clone()).collect()
}

fn with_services(database: Database) -> (Scratch, Server) {
    let server = Server::fresh(database);
    (server.scratch().clone(), server)
}

#[apply(both_databases)]
fn the_sample_data_is_imported_with_its_services_as_a_group_and_not_otherwise(database: Database) {
    let scratch = database.fresh();
    let file = scratch.write("sample.json", sample_data().to_string());
    let run = scratch.run(&["import", &file]);
    run.assert_refused(1, "2 rows rejected");
    assert_eq!(words(&run), ["not attempted", "rejected", "rejected"]);
    assert!(verdicts(&run)[1]["reason"].as_str().unwrap().contains("Order 223"), "{run:?}");
    let server = Server::start(&scratch);
    assert_eq!((server.all("/orders").len(), server.all("/services").len()), (0, 0));
    let run = scratch.run(&["import", &file, "--on-conflict", "accept-group"]).assert_fine();
    assert_eq!(words(&run), ["accepted"; 3]);
    assert_eq!((server.all("/orders").len(), server.all("/services").len()), (3, 3));
    // They block every later order, but not each other.
    let instant = orders_tests::millis_of("2022-11-01T11:11:11.111Z");
    let problem = server.post("/orders", &order("x", instant + 1)).problem(409, "order-conflict");
    assert_eq!(problem["conflict_count"], 3);
    let history = server.get("/orders/223/history").json();
    assert_eq!(history["data"][0]["data"]["actor"], "import");
    drop(scratch.run(&["doctor"]).assert_fine());
}

#[apply(both_databases)]
fn by_default_all_rows_are_imported_or_none(database: Database) {
    let (scratch, server) = with_services(database);
    server.post("/orders", &order("there", NOON)).assert_status(201);
    let mut orders: Vec<Value> =
        (1..=40).map(|n| order(&format!("o{n}"), NOON + n * 3 * HOUR)).collect();
    let fine = scratch.write("fine.ndjson", lines(&orders));
    orders[20]["datetime"] = json!(at(NOON - HOUR));
    let close = scratch.write("close.ndjson", lines(&orders));
    orders[20]["totalfee"] = json!(-1);
    let wrong = scratch.write("wrong.ndjson", lines(&orders));
    for file in [&close, &wrong] {
        let run = scratch.run(&["import", file]);
        assert_eq!(run.code, Some(1));
        let words = words(&run);
        assert_eq!(words.iter().filter(|word| *word == "not attempted").count(), 39, "{run:?}");
        assert_eq!((words[20].as_str(), &verdicts(&run)[20]["line"]), ("rejected", &json!(21)));
        assert_eq!(ids(&server), [json!("there")]);
    }
    let run = scratch.run(&["import", &fine, "--dry-run"]).assert_fine();
    assert_eq!((words(&run), ids(&server).len()), (vec!["accepted".to_owned(); 40], 1));
    let run = scratch.run(&["import", &fine, "--quiet"]).assert_fine();
    assert_eq!((run.stdout.as_str(), ids(&server).len()), ("", 41));
    // Once more, and each is there already.
    let run = scratch.run(&["import", &fine]);
    assert_eq!((run.code, words(&run)), (Some(1), vec!["rejected".to_owned(); 40]));
    assert!(verdicts(&run)[0]["reason"].as_str().unwrap().contains("order-exists"), "{run:?}");
    drop(scratch.run(&["doctor"]).assert_fine());
}

#[apply(both_databases)]
fn a_whole_of_many_slices_is_seen_at_once_or_never(database: Database) {
    const ROWS: i64 = 2_500;
    let (scratch, server) = with_services(database);
    let row = |n: i64| order(&format!("o{n}"), NOON + n * 3 * HOUR);
    let mut orders: Vec<Value> = (0..ROWS).map(row).collect();
    // A member of the first row's group, two slices on.
    orders[2_400]["datetime"] = orders[0]["datetime"].clone();
    for member in [0, 2_400] {
        orders[member]["group"] = json!("o0");
    }
    let fine = scratch.write("fine.ndjson", lines(&orders));
    let last = orders.last_mut().unwrap();
    last["datetime"] = json!(at(NOON + HOUR));
    let close = scratch.write("close.ndjson", lines(&orders));
    let run = scratch.run(&["import", &close]);
    run.assert_refused(1, "1 rows rejected");
    assert_eq!(words(&run).iter().filter(|word| *word == "not attempted").count(), 2_499);
    let dry = scratch.run(&["import", &fine, "--dry-run"]).assert_fine();
    assert_eq!(words(&dry).len(), 2_500);
    let sequence = "SELECT last_sequence AS number FROM counters";
    assert_eq!((scratch.sql().number(sequence), server.all("/orders").len()), (0, 0));
    scope(|threads| {
        let importing = threads.spawn(|| scratch.run(&["import", &fine, "--quiet"]).assert_fine());
        // A reader that sees the first sees the last.
        while server.get("/orders/o0").status == 404 {
            assert!(!importing.is_finished() || server.get("/orders/o0").status == 200);
        }
        server.get(format!("/orders/o{}", ROWS - 1)).assert_status(200);
    });
    assert_eq!(scratch.sql().number(sequence), ROWS);
    server
        .put("/orders/o1", &json!({"datetime": at(NOON), "totalfee": 1, "services": [{"id": 123}]}))
        .problem(409, "order-conflict");
    drop(scratch.run(&["doctor"]).assert_fine());
}

#[apply(both_databases)]
fn what_is_to_be_skipped_is_skipped_and_kept_in_a_file(database: Database) {
    let (scratch, server) = with_services(database);
    let rows = [
        order("a", NOON).to_string(),
        order("b", NOON + HOUR).to_string(),
        order("c", NOON + 3 * HOUR).to_string(),
        order("a", NOON + 6 * HOUR).to_string(),
    ];
    let file = scratch.write("rows.ndjson", rows.join("\n"));
    let rejected = scratch.dir().join("rejected.ndjson");
    let arguments = ["import", &file, "--on-conflict", "skip", "--rejected"];
    let run = scratch.run(&[&arguments[..], &[rejected.to_str().unwrap()]].concat()).assert_fine();
    assert_eq!(words(&run), ["accepted", "rejected", "accepted", "rejected"]);
    assert_eq!(ids(&server), [json!("a"), json!("c")]);
    let kept: Vec<Value> = fs::read_to_string(&rejected)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((kept.len(), &kept[0]["line"]), (2, &json!(2)));
    assert_eq!((&kept[0]["row"], &kept[1]["row"]), (&json!(rows[1]), &json!(rows[3])));
    assert!(kept[0]["reason"].as_str().unwrap().contains("Order a is 1 hour earlier"), "{kept:?}");
    // The file itself is never taken for the file of what is rejected.
    let run = scratch.run(&["import", &file, "--rejected", &file]);
    run.assert_refused(2, "overwrite the file");
    assert_eq!(fs::read_to_string(&file).unwrap(), rows.join("\n"));
}

#[apply(both_databases)]
fn as_a_group_rows_are_exempt_from_each_other_and_from_nobody_else(database: Database) {
    let (scratch, server) = with_services(database);
    server.post("/orders", &order("there", NOON)).assert_status(201);
    // More than a chunk, all at one time, except one that is too close to an existing order.
    let mut orders: Vec<Value> =
        (0..1_500).map(|n| order(&format!("o{n}"), NOON + 24 * HOUR)).collect();
    orders[700] = order("close", NOON + HOUR);
    let file = scratch.write("group.ndjson", lines(&orders));
    let run = scratch.run(&["import", &file, "--on-conflict", "accept-group"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(words(&run).iter().filter(|word| *word == "accepted").count(), 1_499);
    assert_eq!(verdicts(&run)[700]["verdict"], "rejected");
    let mut sql = scratch.sql();
    let groups = "SELECT count(DISTINCT grp) AS number FROM orders WHERE id <> 'there'";
    assert_eq!(sql.number(groups), 1);
    server.post("/orders", &order("x", NOON + 25 * HOUR)).problem(409, "order-conflict");
}

#[apply(both_databases)]
fn every_kind_of_fault_has_its_line_and_column_and_hurts_no_other_row(database: Database) {
    let (scratch, server) = with_services(database);
    let rows = [
        order("a", NOON).to_string(),
        "{\"id\": 01}".to_owned(),
        "not json".to_owned(),
        String::new(),
        r#"{"id":"x","id":"y"}"#.to_owned(),
        order("no/slash", NOON + 3 * HOUR).to_string(),
        r#"{"id":"b","totalfee":1}"#.to_owned(),
        order("c", NOON + 6 * HOUR).to_string().replace("\"totalfee\"", "\"total\""),
        format!("{{\"id\":\"{}\"}}", "x".repeat(70_000)),
        order("d", NOON + 9 * HOUR).to_string().replace("123", "404"),
        order("e", NOON + 12 * HOUR).to_string(),
    ];
    let mut bytes = rows.join("\n").into_bytes();
    bytes.extend_from_slice(b"\n{\"id\":\"\xFF\"}\r\n");
    let file = scratch.write("faulty.ndjson", bytes);
    let run = scratch.run(&["import", &file, "--on-conflict", "skip"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let found = verdicts(&run);
    let place = |row: &Value| (row["line"].as_u64().unwrap(), row["verdict"] == "accepted");
    let expected = [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12].map(|line| (line, line == 1 || line == 11));
    assert_eq!(found.iter().map(place).collect::<Vec<_>>(), expected);
    assert!(found[1]["column"].as_u64().unwrap() > 1, "{run:?}");
    for (position, reason) in [
        (3, "duplicate"),
        (4, "/id must be"),
        (5, "/datetime is required; /services is required"),
        (6, "/total is unknown"),
        (7, "64 KiB"),
        (8, "404"),
        (10, "UTF-8"),
    ] {
        let told = found[position]["reason"].as_str().unwrap();
        assert!(told.contains(reason), "{reason}: {told}");
    }
    assert_eq!(ids(&server), [json!("a"), json!("e")]);
}

#[apply(both_databases)]
fn half_a_document_is_no_document(database: Database) {
    let scratch = database.fresh();
    let whole = sample_data().to_string();
    let mut doubled = whole.clone();
    doubled.push_str("{}");
    for (content, place) in [
        (String::new(), "line 1 column 1"),
        ("[]".to_owned(), "line 1 column 1"),
        (whole[..whole.len() - 2].to_owned(), "EOF while parsing a list"),
        (doubled, "trailing characters"),
        (whole.replace("\"orders\"", "\"order\""), "unknown field `order`"),
        ("{\n\"orders\": [\n {\"id\": tru}]}".to_owned(), "line 3"),
        ("{\"services\":[{\"id\":0,\"name\":\"x\"}]}".to_owned(), "line 1 column 14: /id"),
        ("\u{feff}\u{feff}{}".to_owned(), "byte order mark"),
    ] {
        let file = scratch.write("half.json", &content);
        for mode in ["reject-all", "skip", "accept-group"] {
            let run = scratch.run(&["import", &file, "--on-conflict", mode]);
            run.assert_refused(1, place);
            assert_eq!(run.stdout, "", "{content}");
        }
    }
    let server = Server::start(&scratch);
    assert_eq!((server.all("/orders").len(), server.all("/services").len()), (0, 0));
    // The lists may be in either order, and one of them may be missing.
    let sample = sample_data();
    let turned =
        format!("{{\"orders\": {}, \"services\": {}}}", sample["orders"], sample["services"]);
    let file = scratch.write("turned.json", turned);
    drop(scratch.run(&["import", &file, "--on-conflict", "accept-group"]).assert_fine());
    assert_eq!((server.all("/orders").len(), server.all("/services").len()), (3, 3));
}

#[apply(both_databases)]
fn a_table_is_imported_by_the_names_of_its_columns(database: Database) {
    let (scratch, server) = with_services(database);
    let table = "\u{feff}totalfee,services,\"id\",datetime\r\n\
                 \"99.50\",123 456,a,2022-11-01T11:00:00+01:00\r\n\
                 1e2,789,'-b,2022-11-02T11:00:00Z\n\
                 \n\
                 1,123,c\n\
                 1,123,d\"d,2022-11-03T11:00:00Z\n\
                 one,123,e,2022-11-03T11:00:00Z\n\
                 1,123,,2022-11-03T11:00:00Z\n";
    let file = scratch.write("table.csv", table);
    let run = scratch.run(&["import", &file, "--on-conflict", "skip"]);
    assert_eq!(run.code, Some(1));
    let found = verdicts(&run);
    let place = |row: &Value| {
        (
            row["line"].as_u64().unwrap(),
            row["column"].as_u64().unwrap(),
            row["verdict"] == "accepted",
        )
    };
    assert_eq!(
        found.iter().map(place).collect::<Vec<_>>(),
        [(2, 1, true), (3, 1, true), (5, 1, false), (6, 8, false), (7, 1, false), (8, 1, true)]
    );
    let orders = server.all("/orders");
    assert_eq!(orders.len(), 3);
    assert_eq!(orders[0]["services"], json!([{"id": "123"}, {"id": "456"}]));
    assert_eq!((&orders[0]["totalfee"], &orders[1]["totalfee"]), (&json!(99.5), &json!(100)));
    assert_eq!(orders[1]["id"], "-b");
    for (header, what) in [
        ("", "line 1"),
        ("id,datetime,totalfee\n", "no column services"),
        ("id,datetime,totalfee,services,colour\n", "colour"),
        ("id,id,datetime,totalfee,services\n", "twice"),
    ] {
        let file = scratch.write("table.csv", header);
        scratch.run(&["import", &file]).assert_refused(1, what);
    }
}

#[apply(both_databases)]
fn tables_are_imported_as_spreadsheets_write_them(database: Database) {
    let (scratch, server) = with_services(database);
    let header = "ID,Datetime, TotalFee ,SERVICES";
    let first = "a,2022-11-01 11:00:00Z,1.50,123 456";
    for (mark, separator) in [("", ","), ("\u{feff}", ";"), ("", "\t"), ("\u{feff}", ",")] {
        let table = format!(
            "{mark}{header},,\r\n,,,,,\r\n{first},,\r\n , ,,,,\r\nb,2022-11-02 11:00:00+01:00,2,789,,,,\r\n\
             ,,,,,\r\nc,2022-11-03T11:00:00Z,3,789,left over,\r\n\
             d,2022-11-03T11:00:00Z,3,789,,,left over\r\n"
        );
        let file = scratch.write("table.csv", table.replace(',', separator));
        let run = scratch.run(&["import", &file, "--on-conflict", "skip"]);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert_eq!(words(&run), ["accepted", "accepted", "rejected", "rejected"], "{run:?}");
        let lines: Vec<Value> = verdicts(&run).iter().map(|row| row["line"].clone()).collect();
        assert_eq!(lines, [json!(3), json!(5), json!(7), json!(8)]);
        let orders = server.all("/orders");
        assert_eq!(orders.len(), 2);
        assert_eq!(orders[0]["datetime"], "2022-11-01T11:00:00.000Z");
        assert_eq!(orders[1]["datetime"], "2022-11-02T10:00:00.000Z");
        for id in ["a", "b"] {
            server.delete(format!("/orders/{id}")).assert_status(204);
        }
    }
    let other = order("x", NOON).to_string().replacen('T', " ", 1);
    for (name, text) in [
        ("orders.ndjson", format!("\u{feff}{other}\n")),
        ("orders.json", format!("\u{feff}{{\"orders\":[{other}]}}")),
    ] {
        let file = scratch.write(name, text);
        assert_eq!(words(&scratch.run(&["import", &file]).assert_fine()), ["accepted"], "{name}");
        server.delete("/orders/x").assert_status(204);
    }
}

#[apply(both_databases)]
fn services_that_are_missing_are_made_if_that_is_wanted(database: Database) {
    let scratch = database.fresh();
    let file =
        scratch.write("rows.ndjson", lines(&[order("a", NOON), order("b", NOON + 3 * HOUR)]));
    let run = scratch.run(&["import", &file]);
    run.assert_refused(1, "2 as invalid");
    assert!(verdicts(&run)[0]["reason"].as_str().unwrap().contains("service 123"), "{run:?}");
    let dry = scratch.run(&["import", &file, "--create-services", "--dry-run"]).assert_fine();
    assert_eq!(words(&dry), ["accepted"; 2]);
    let server = Server::start(&scratch);
    assert_eq!(server.all("/services").len(), 0);
    drop(scratch.run(&["import", &file, "--create-services"]).assert_fine());
    assert_eq!(server.all("/services"), [json!({"id": 123, "name": "Service 123"})]);
    assert_eq!(ids(&server).len(), 2);
}

#[test]
fn wrong_usage_of_import_ends_with_2() {
    let scratch = Database::Sqlite.fresh();
    let file = scratch.write("orders.txt", "{}");
    scratch.run(&["import", &file]).assert_refused(2, "--format");
    for arguments in [
        &["import"][..],
        &["import", &file, "--format", "xml"],
        &["import", &file, "--on-conflict", "ignore"],
        &["import", &file, "extra"],
        &["export", "--format", "xml"],
    ] {
        assert_eq!(scratch.run(arguments).code, Some(2), "{arguments:?}");
    }
    scratch.run(&["import", "none.json"]).assert_refused(1, "none.json");
    drop(scratch.run(&["import", &file, "--format", "json"]).assert_fine());
}

#[apply(both_databases)]
fn single_writes_go_on_while_slices_are_imported_and_none_is_lost(database: Database) {
    let (scratch, server) = with_services(database);
    let orders: Vec<Value> =
        (0..6_000).map(|n| order(&format!("o{n}"), NOON + n * 3 * HOUR)).collect();
    let file = scratch.write("many.ndjson", lines(&orders));
    let taken = scope(|threads| {
        let import =
            threads.spawn(|| scratch.run(&["import", &file, "--on-conflict", "skip", "-q"]));
        let mut taken = 0;
        let mut n = 0;
        while !import.is_finished() {
            // Before all of the file, so that nothing is in the way.
            n += 1;
            server
                .post("/orders", &order(&format!("s{n}"), NOON - n * 3 * HOUR))
                .assert_status(201);
            taken += 1;
        }
        drop(import.join().unwrap().assert_fine());
        taken
    });
    let mut sql = scratch.sql();
    assert_eq!(sql.number("SELECT count(*) AS number FROM orders"), 6_000 + taken);
    assert!(taken > 0);
    drop(scratch.run(&["doctor"]).assert_fine());
    scratch.assert_calm();
}
