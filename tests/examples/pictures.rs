//! Takes the pictures of `docs/images`: `tests/pictures`.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a picture that cannot be taken is an error"
)]

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orders_tests::{
    Browser, Database, HOUR, Looks, MINUTE, OWN_KEY, Receiver, Reply, Server, at, delivering,
    millis_of, order,
};
use serde_json::json;

/// A month of an office, the same each time.
fn fill(server: &Server) {
    for name in ["Delivery", "Deployment visit", "Repair", "Consultation"] {
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

fn main() {
    let server = Server::with_sample_data(Database::Sqlite);
    fill(&server);
    for _ in 0..7 {
        server
            .post("/orders", &order("late", millis_of("2026-11-18T10:00:00.000Z")))
            .assert_status(409);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images");
    std::fs::create_dir_all(&folder).unwrap();
    // What was refused is noted every five seconds.
    std::thread::sleep(std::time::Duration::from_secs(6));
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
        let browser = Browser::at(&server, looks);
        browser.open(path);
        keep(&folder, &format!("{name}.png"), &browser);
        browser.assert_clean(&[]);
    }
    refusal(&server, &folder, wide);
    dragged(&server, &folder, wide);
    webhook(&folder, wide);
}

fn keep(folder: &Path, name: &str, browser: &Browser) {
    let picture = STANDARD.decode(browser.picture()).unwrap();
    std::fs::write(folder.join(name), picture).unwrap();
}

/// An order in the air, over a day on which its time is free.
fn dragged(server: &Server, folder: &Path, looks: Looks) {
    let browser = Browser::at(server, looks);
    browser.open("/?view=month&date=2026-11-18");
    browser.script(
        "const it = document.querySelectorAll('.chip')[20]; const box = it.getBoundingClientRect(); \
         for (const [kind, x, y] of [['pointerdown', 20, 5], ['pointermove', 40, 60], ['pointermove', 420, 270]]) \
           it.dispatchEvent(new PointerEvent(kind, {bubbles: true, button: 0, \
             clientX: box.x + x, clientY: box.y + y}))",
    );
    drop(browser.wait(".month .open"));
    keep(folder, "month-drag.png", &browser);
}

/// A webhook that is delivered to.
fn webhook(folder: &Path, looks: Looks) {
    let scratch = Database::Sqlite.fresh();
    let (server, admin) = delivering(&scratch, &["--webhook-retry-delays", "1s,1s"]);
    let receiver = Receiver::answering(|_, at| Reply::Status(if at == 1 { 503 } else { 204 }));
    let asked = json!({"url": receiver.url(), "description": "The warehouse"});
    let made = admin.post("/webhooks", &asked).assert_status(201).json();
    for n in 0..4 {
        let order =
            order(&format!("order-{n}"), millis_of("2026-11-18T08:00:00.000Z") + n * 4 * HOUR);
        admin.post("/orders", &order).assert_status(201);
    }
    drop(receiver.wait_for(5));
    let browser = Browser::at(&server, looks);
    browser.open(&format!("/console/webhooks/{}", made["id"].as_str().unwrap()));
    browser.write("#key", OWN_KEY);
    browser.click("main .primary");
    browser.wait_until("all deliveries", |browser| {
        browser.open(&browser.path());
        (browser.all("[aria-labelledby=deliveries] tbody tr").len() == 4).then_some(())
    });
    keep(folder, "webhook.png", &browser);
}

/// What is shown to whoever asks for a time that is taken.
fn refusal(server: &Server, folder: &Path, looks: Looks) {
    let browser = Browser::at(server, Looks { height: 760, ..looks });
    browser.open("/console/new-order");
    browser.set("#datetime", "2022-11-01T11:30");
    browser.write("#fee", "120");
    browser.click("[name=service]");
    browser.click(".actions .primary");
    drop(browser.wait("#refusal"));
    keep(folder, "refusal.png", &browser);
}
