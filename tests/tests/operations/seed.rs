//! Loading the sample data.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]

use std::thread::scope;

use orders_tests::{Database, Scratch, Server, Setup};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

/// The ids and versions of all orders.
fn stored(scratch: &Scratch) -> Vec<(Value, Value)> {
    let orders = Server::start(scratch).all("/orders");
    orders.into_iter().map(|order| (order["id"].clone(), order["version"].clone())).collect()
}

#[apply(both_databases)]
fn to_seed_twice_is_harmless(database: Database) {
    let scratch = database.fresh();
    let sample: Vec<_> = ["223", "224", "225"].map(|id| (json!(id), json!(1))).to_vec();
    for _ in 0..2 {
        drop(scratch.run(&["seed"]).assert_fine());
        assert_eq!(stored(&scratch), sample);
    }
    // So it is at the start of the server, and after the data was changed.
    let setup = Setup { arguments: &["--sample-data"], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    assert_eq!(server.all("/services").len(), 3);
    let mut dearer = server.get("/orders/223").json();
    dearer["totalfee"] = json!(5);
    server.put("/orders/223", &dearer).assert_status(200);
    server.put("/services/456", &json!({"name": "Renamed"})).assert_status(200);
    drop(server);
    let server = Server::start_as(&scratch, &setup);
    assert_eq!(server.get("/orders/223").json()["totalfee"], 5);
    assert_eq!(server.get("/orders/223").json()["version"], 2);
    assert_eq!(server.get("/services/456").json()["name"], "Renamed");
    assert_eq!((server.all("/orders").len(), server.all("/services").len()), (3, 3));
}

#[apply(both_databases)]
fn data_of_the_same_form_is_imported_from_a_file(database: Database) {
    let scratch = database.fresh();
    let data = json!({
        "services": [{"id": 5, "name": "Five"}],
        "orders": [
            {"id": "a", "datetime": "2020-01-01T00:00:00+01:00", "totalfee": "1e1", "services": [{"id": 5}]},
            {"id": "b", "datetime": "2019-12-31T23:00:00.0Z", "totalfee": 0.1, "services": [{"id": "5"}]},
        ],
    });
    let file = scratch.write("mine.json", data.to_string());
    let import = |file: &str| scratch.run(&["import", file, "--on-conflict", "accept-group"]);
    drop(import(&file).assert_fine());
    import(&file).assert_refused(1, "2 rows rejected");
    for wrong in [data.to_string().replace(']', ""), String::new(), "[]".to_owned()] {
        import(&scratch.write("wrong.json", &wrong)).assert_refused(1, "wrong.json");
    }
    let server = Server::start(&scratch);
    let orders = server.all("/orders");
    assert_eq!(orders.len(), 2);
    assert_eq!(orders[0]["datetime"], "2019-12-31T23:00:00.000Z");
    assert_eq!(orders[1]["datetime"], orders[0]["datetime"]);
    assert_eq!(server.all("/services"), [json!({"id": 5, "name": "Five"})]);
}

/// Starts servers on one database at the same moment.
fn start_together(scratch: &Scratch, number: usize, setup: &Setup<'_>) -> Vec<Server> {
    scope(|threads| {
        let start = || Server::try_start(scratch, setup);
        let starting: Vec<_> = (0..number).map(|_| threads.spawn(start)).collect();
        starting.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
    })
}

#[apply(both_databases)]
fn processes_that_start_together_on_a_fresh_database_all_come_up(
    database: Database,
    #[values(2, 4)] number: usize,
) {
    for round in 0..3 {
        let scratch = database.fresh();
        let servers = start_together(&scratch, number, &Setup::default());
        for server in &servers {
            let service = json!({"name": format!("{round} {}", server.address())});
            server.post("/services", &service).assert_status(201);
        }
        assert_eq!(servers[0].all("/services").len(), number);
        scratch.assert_calm();
    }
}

#[apply(both_databases)]
fn processes_that_load_the_sample_data_together_load_it_once(database: Database) {
    for _ in 0..3 {
        let scratch = database.fresh();
        let setup = Setup { arguments: &["--sample-data"], ..Setup::default() };
        for server in start_together(&scratch, 4, &setup) {
            let versions = server
                .all("/orders")
                .iter()
                .map(|order| order["version"].clone())
                .collect::<Vec<_>>();
            assert_eq!((versions, server.all("/services").len()), (vec![json!(1); 3], 3));
        }
        // All three are still one group: the time of each is blocked, and none blocks another.
        let server = Server::start(&scratch);
        for id in ["223", "224", "225"] {
            let mut dearer = server.get(format!("/orders/{id}")).json();
            dearer["totalfee"] = json!(5);
            server.put(format!("/orders/{id}"), &dearer).assert_status(200);
        }
        scratch.assert_calm();
    }
}
