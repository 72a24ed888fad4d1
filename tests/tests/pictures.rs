//! The pictures of the documentation, taken anew: `tests/pictures`.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orders_tests::{Browser, Database, HOUR, Looks, MINUTE, Server, at, millis_of};
use serde_json::json;

/// A month of an office, the same each time.
fn fill(server: &Server) {
    for name in ["Delivery", "Site visit", "Repair", "Consultation"] {
        server.post("/services", &json!({"name": name})).assert_status(201);
    }
    let services: Vec<String> =
        server.all("/services").iter().map(|service| service["id"].to_string()).collect();
    let first = millis_of("2026-11-02T00:00:00.000Z");
    let mut operations = Vec::new();
    for day in (0..33_i64).filter(|day| day % 7 < 6) {
        let mut minutes = 7 * 60 + (day * 37 % 8) * 15;
        for n in 0..4_i64 {
            let pick = usize::try_from((day * 5 + n * 3 + day * n) % 7).unwrap();
            let service = services.get(pick % services.len()).unwrap();
            if (day * 13 + n * 7) % 10 < 7 && minutes < 19 * 60 {
                let fee = [80.0, 99.5, 120.0, 145.0, 210.0].get(pick % 5).copied().unwrap();
                let datetime = at(first + day * 24 * HOUR + minutes * MINUTE);
                operations.push(json!({"op": "create", "order":
                    {"datetime": datetime, "totalfee": fee, "services": [{"id": service}]}}));
            }
            minutes += 180 + (day + n * 11) % 5 * 15;
        }
    }
    let batch = json!({"mode": "atomic", "operations": operations});
    server.post("/orders/batch", &batch).assert_status(200);
}

#[test]
#[ignore = "writes into docs/images; run by tests/pictures"]
fn pictures_are_taken() {
    let server = Server::with_sample_data(Database::Sqlite).unwrap();
    fill(&server);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images");
    std::fs::create_dir_all(&folder).unwrap();
    let wide = Looks { height: 900, ..Looks::default() };
    let narrow = Looks { width: 390, height: 844, ..Looks::default() };
    let dark = Looks { is_dark: true, ..wide };
    for (name, looks, path) in [
        ("month", wide, "/?view=month&date=2026-11-18"),
        ("week", wide, "/?view=week&date=2026-11-18"),
        ("week-dark", dark, "/?view=week&date=2026-11-18"),
        ("timeline", wide, "/?view=timeline&date=2026-11-02"),
        ("list", wide, "/console/orders?from=2026-11-01"),
        (
            "figures",
            Looks { height: 1100, ..wide },
            "/console/figures?from=2026-11-01&to=2026-11-30",
        ),
        ("order", wide, "/console/orders/223"),
        ("month-narrow", narrow, "/?view=month&date=2026-11-18"),
        ("order-narrow", Looks { is_dark: true, ..narrow }, "/console/orders/224"),
    ] {
        let browser = Browser::at(&server, looks).unwrap();
        browser.open(path);
        let picture = STANDARD.decode(browser.picture()).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
        browser.assert_clean(&[]);
    }
    refusal(&server, &folder, wide);
}

/// What is shown to whoever asks for a time that is taken.
fn refusal(server: &Server, folder: &Path, looks: Looks) {
    let browser = Browser::at(server, Looks { height: 760, ..looks }).unwrap();
    browser.open("/console/new-order");
    browser.set("#datetime", "2022-11-01T11:30");
    browser.write("#fee", "120");
    browser.click("[name=service]");
    browser.click(".actions .primary");
    drop(browser.wait("#refusal"));
    let picture = STANDARD.decode(browser.picture()).unwrap();
    std::fs::write(folder.join("refusal.png"), picture).unwrap();
}
