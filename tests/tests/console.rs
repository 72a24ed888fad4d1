//! The console in a real browser: what people do there, and what must not happen to them.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]

use orders_tests::{Browser, Database, HOUR, Looks, MINUTE, Server, at, axe, millis_of, order};
use serde_json::json;

/// The week of the sample data, and an instant in it that is free.
const WEEK: &str = "/?view=week&date=2022-11-03";
const FREE: &str = "2022-11-03T09:00:00.000Z";

fn start(looks: Looks) -> Option<(Server, Browser)> {
    let server = Server::with_sample_data(Database::Sqlite)?;
    let browser = Browser::at(&server, looks)?;
    Some((server, browser))
}

fn free() -> i64 {
    millis_of(FREE)
}

/// The time of an order now.
fn time_of(server: &Server, id: &str) -> String {
    let order = server.get(format!("/orders/{id}")).assert_status(200).json();
    order["datetime"].as_str().unwrap().to_owned()
}

fn wait_for_time(browser: &Browser, server: &Server, id: &str, time: &str) {
    browser.wait_until(&format!("{id} at {time}"), |_| (time_of(server, id) == time).then_some(()));
}

fn fill_in(browser: &Browser, time: &str, fee: &str) {
    browser.set("#datetime", time);
    browser.write("#fee", fee);
    if browser.all("[name=service]:checked").is_empty() {
        browser.click("[name=service]");
    }
}

#[test]
fn a_newcomer_is_led_to_the_orders_and_makes_one() {
    let Some((server, browser)) = start(Looks::default()) else { return };
    browser.open("/");
    browser.click(".empty a");
    browser.wait_for_text("November 2022");
    assert_eq!(browser.all(".chip").len(), 3);
    browser.click("a[data-new]");
    fill_in(&browser, "2022-11-03T09:00", "99.50");
    browser.click(".actions .primary");
    browser.wait_for_text("History");
    let id = browser.path().rsplit('/').next().unwrap().to_owned();
    let made = server.get(format!("/orders/{id}")).assert_status(200).json();
    assert_eq!((&made["datetime"], &made["totalfee"]), (&json!(FREE), &json!(99.5)));
    // Free room that is clicked at becomes the time of a new order.
    browser.open("/?view=day&date=2022-11-05");
    browser.click(".column");
    drop(browser.wait("#datetime"));
    assert!(
        browser.value("#datetime").starts_with("2022-11-05T"),
        "{}",
        browser.value("#datetime")
    );
    browser.assert_clean(&[]);
}

#[test]
fn a_refusal_names_what_is_in_the_way_and_one_click_takes_a_free_time() {
    let Some((server, browser)) = start(Looks::default()) else { return };
    browser.open("/console/new-order");
    fill_in(&browser, "2022-11-01T11:30", "1");
    browser.click(".actions .primary");
    browser.wait_for_text("orders must be at least 3 hours apart");
    assert!(browser.text("#refusal").contains("Order 223"));
    assert_eq!(server.all("/orders").len(), 3);
    browser.click("button[name=take]:last-of-type");
    browser.wait_for_text("History");
    assert_eq!(server.all("/orders")[3]["datetime"], "2022-11-01T14:11:11.111Z");
    browser.assert_clean(&["409"]);
}

#[test]
fn an_order_is_dragged_and_what_the_rule_refuses_goes_elsewhere_by_one_click() {
    let Some((server, browser)) = start(Looks::default()) else { return };
    server.post("/orders", &order("o", free())).assert_status(201);
    browser.open(WEEK);
    drop(browser.wait("[data-id=o]"));
    let column = browser.script(
        "const box = document.querySelector('.column').getBoundingClientRect(); \
         return [Math.round(box.width), Math.round(box.height / 24)]",
    );
    let (day, hour) = (column[0].as_i64().unwrap(), column[1].as_i64().unwrap());
    browser.drag("[data-id=o]", 0, 2 * hour);
    wait_for_time(&browser, &server, "o", &at(free() + 2 * HOUR));
    browser.wait_for_text("Moved to");
    browser.click(".notice button");
    wait_for_time(&browser, &server, "o", FREE);
    // Two days earlier, two hours before the three of the sample data.
    browser.wait_until("the order where it was", |browser| {
        let at = browser.script("return document.querySelector('[data-id=o]')?.dataset.version");
        (at == "3").then_some(())
    });
    browser.drag("[data-id=o]", -2 * day, 0);
    browser.wait_for_text("orders must be at least 3 hours apart");
    assert_eq!(time_of(&server, "o"), FREE);
    browser.click("dialog [data-at]");
    wait_for_time(&browser, &server, "o", "2022-11-01T08:11:11.111Z");
    browser.assert_clean(&["409"]);
}

#[test]
fn while_an_order_is_dragged_its_free_room_is_shown_and_escape_gives_up() {
    let Some((server, browser)) = start(Looks::default()) else { return };
    server.post("/orders", &order("o", free())).assert_status(201);
    browser.open(WEEK);
    drop(browser.wait("[data-id=o]"));
    browser.script(
        "const it = document.querySelector('[data-id=o]'); \
         const box = it.querySelector('rect').getBoundingClientRect(); \
         for (const [kind, y] of [['pointerdown', 5], ['pointermove', 60]]) \
           it.dispatchEvent(new PointerEvent(kind, {bubbles: true, button: 0, \
             clientX: box.x + 20, clientY: box.y + y}))",
    );
    // Before and after what the sample data blocks, and all of the other days, its own included.
    browser.wait_until("the free room", |browser| (browser.all(".free").len() == 8).then_some(()));
    assert_eq!(browser.all(".ghost").len(), 1);
    browser.press(&[], &["\u{e00c}"]);
    browser.wait_until("the end", |browser| browser.all(".free, .ghost").is_empty().then_some(()));
    assert_eq!(time_of(&server, "o"), FREE);
    browser.assert_clean(&[]);
}

#[test]
fn what_somebody_else_changed_meanwhile_is_not_overwritten() {
    let Some((server, browser)) = start(Looks::default()) else { return };
    browser.open("/console/orders/223");
    let mine = browser.window();
    browser.write("#fee", "1");
    browser.new_window();
    browser.open("/console/orders/223");
    browser.write("#fee", "222");
    browser.click("[data-edit] .primary");
    browser.wait_for_text("Version\n2");
    browser.switch_to(&mine);
    assert_eq!(browser.value("#fee"), "1", "what was begun stays");
    browser.click("[data-edit] .primary");
    browser.wait_for_text("Somebody else has changed this order");
    assert_eq!(server.get("/orders/223").json()["totalfee"], 222);
    assert!(browser.shows("222") && browser.value("#fee") == "1");
    // Whoever has seen that may.
    browser.click("[data-edit] .primary");
    browser.wait_for_text("Version\n3");
    assert_eq!(server.get("/orders/223").json()["totalfee"], 1);
    browser.assert_clean(&["412"]);
}

#[test]
fn what_is_deleted_comes_back_by_one_click() {
    let Some((server, browser)) = start(Looks::default()) else { return };
    browser.open("/console/orders/223");
    browser.click(".danger");
    browser.wait_for_text("This order was deleted");
    server.get("/orders/223").assert_status(404);
    browser.click("main .good .primary");
    browser.wait_for_text("Restored");
    server.get("/orders/223").assert_status(200);
    assert!(browser.text(".list").contains("anonymous"), "the history tells who");
    browser.assert_clean(&[]);
}

#[test]
fn what_others_change_is_seen_as_it_happens() {
    let Some((server, browser)) = start(Looks::default()) else { return };
    browser.open(WEEK);
    server.post("/orders", &order("live", free())).assert_status(201);
    drop(browser.wait("[data-id=live]"));
    server.delete("/orders/live").assert_status(204);
    browser.wait_until("the order gone", |browser| {
        browser.all("[data-id=live]").is_empty().then_some(())
    });
    browser.assert_clean(&[]);
}

#[test]
fn everything_can_be_done_by_the_keyboard() {
    let Some((server, browser)) = start(Looks::default()) else { return };
    let [tab, enter, shift, down] = ["\u{e004}", "\u{e007}", "\u{e008}", "\u{e015}"];
    server.post("/orders", &order("o", free())).assert_status(201);
    browser.open(WEEK);
    let focus = |selector: &str| {
        let script = format!("return document.activeElement.matches({})", json!(selector));
        for _ in 0..120 {
            if browser.script(&script) == true {
                return;
            }
            browser.press(&[], &[tab]);
        }
        unreachable!("the focus does not come to {selector}");
    };
    browser.press(&[], &[tab]);
    assert_eq!(browser.script("return document.activeElement.className"), "skip");
    focus("[data-id=o]");
    browser.press(&[shift], &[down]);
    wait_for_time(&browser, &server, "o", &at(free() + 15 * MINUTE));
    browser.wait_for_text("Moved to");
    focus("[data-id=o]");
    browser.press(&[], &[enter]);
    drop(browser.wait("#fee"));
    focus("[data-edit] #fee");
    browser.press(&[], &["7"]);
    focus("[data-edit] button.primary");
    browser.press(&[], &[enter]);
    browser.wait_for_text("Version\n3");
    assert_ne!(server.get("/orders/o").json()["totalfee"], 100);
    browser.press(&[], &[tab]);
    browser.open("/");
    browser.press(&[], &["n"]);
    drop(browser.wait("#datetime"));
    focus("[name=service]");
    browser.press(&[], &[" "]);
    assert_eq!(browser.all("[name=service]:checked").len(), 1);
    browser.assert_clean(&[]);
}

#[test]
fn the_pages_work_without_scripts() {
    let looks = Looks { runs_scripts: false, ..Looks::default() };
    let Some((server, browser)) = start(looks) else { return };
    browser.open("/");
    browser.click(".empty a");
    browser.click(".chip");
    drop(browser.wait("#fee"));
    browser.write("#fee", "12.5");
    browser.click("[data-edit] .primary");
    browser.wait_for_text("Version\n2");
    assert_eq!(server.get("/orders/223").json()["totalfee"], 12.5);
    browser.click("[href='/console/orders']");
    browser.write("#max_fee", "50");
    browser.click(".filters .primary");
    browser.wait_for_text("Search");
    assert_eq!(browser.all(".list tbody tr").len(), 1);
    assert_eq!(browser.all("body[data-zone]").len(), 1);
    browser.assert_clean(&[]);
}

#[test]
fn times_are_shown_in_the_zone_of_whoever_looks() {
    let looks = Looks { zone: "Asia/Kolkata", ..Looks::default() };
    let Some((server, browser)) = start(looks) else { return };
    browser.open("/?view=month&date=2022-11-01");
    drop(browser.wait("body[data-zone='Asia/Kolkata'], body[data-zone='Asia/Calcutta']"));
    browser.wait_for_text("16:41");
    let title = browser.script("return document.querySelector('.chip').title");
    assert!(title.as_str().unwrap().starts_with("2022-11-01T11:11:11.111Z"));
    browser.open("/console/orders/223");
    browser.write("#fee", "5");
    browser.click("[data-edit] .primary");
    browser.wait_for_text("Version\n2");
    assert_eq!(time_of(&server, "223"), "2022-11-01T11:11:11.111Z", "to the millisecond");
    browser.assert_clean(&[]);
}

#[test]
fn nothing_is_wider_than_a_narrow_screen() {
    let looks = Looks { width: 390, height: 844, ..Looks::default() };
    let Some((server, browser)) = start(looks) else { return };
    for page in PAGES {
        browser.open(page);
        let width = browser.script("return document.documentElement.scrollWidth");
        assert!(width.as_i64().unwrap() <= 390, "{page} is {width} wide");
    }
    browser.open("/console/new-order");
    fill_in(&browser, "2022-11-03T09:00", "1");
    browser.click(".actions .primary");
    browser.wait_for_text("History");
    assert_eq!(server.all("/orders").len(), 4);
    browser.assert_clean(&[]);
}

const PAGES: [&str; 10] = [
    "/?view=month&date=2022-11-01",
    "/?view=week&date=2022-11-01",
    "/?view=day&date=2022-11-01",
    "/?view=timeline&date=2022-11-01",
    "/console/orders",
    "/console/orders/223",
    "/console/new-order",
    "/console/services",
    "/console/figures?from=2022-10-01&to=2022-11-30",
    "/console/sign-in",
];

#[test]
fn no_page_has_a_serious_fault_of_accessibility() {
    let Some(axe) = axe() else { return };
    for is_dark in [false, true] {
        let looks = Looks { is_dark, ..Looks::default() };
        let Some((_server, browser)) = start(looks) else { return };
        for page in PAGES {
            browser.open(page);
            assert_accessible(&browser, &axe);
        }
    }
}

#[test]
fn the_page_of_admins_has_no_serious_fault_of_accessibility() {
    let Some(axe) = axe() else { return };
    let Some(scratch) = Database::Sqlite.fresh() else { return };
    let made = scratch.run(&["keys", "create", "--name", "Ann", "--role", "admin"]).assert_fine();
    let server = Server::start(&scratch);
    let Some(browser) = Browser::at(&server, Looks::default()) else { return };
    browser.open("/console/admin");
    browser.write("#key", made.stdout.trim_end().split(' ').next_back().unwrap());
    browser.click("main .primary");
    browser.write("#name", "Front desk");
    browser.click(".filters .primary");
    drop(browser.wait("#made"));
    assert_accessible(&browser, &axe);
    browser.assert_clean(&["401"]);
}

/// Checks that axe-core finds nothing serious on the page that is shown.
fn assert_accessible(browser: &Browser, axe: &str) {
    browser.script(axe);
    let faults = browser.script_later(
        "const done = arguments[arguments.length - 1]; \
         axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).then((found) => \
           done(found.violations.filter((it) => ['serious', 'critical'].includes(it.impact)) \
             .map((it) => it.id + ': ' + it.nodes.slice(0, 3) \
               .map((node) => node.html + ' ' + node.failureSummary).join(' | '))))",
    );
    assert_eq!(faults, json!([]), "{}", browser.path());
}

#[test]
fn nothing_that_is_stored_runs() {
    let Some(server) = Server::with_sample_data(Database::Sqlite) else { return };
    let corpus = [
        "<script>window.ran = 1</script>",
        "\"><img src=x onerror=\"window.ran = 2\">",
        "' autofocus onfocus='window.ran = 3",
        "</textarea></title><svg/onload=window.ran=4>",
        "javascript:window.ran=5",
        "{{7*7}}{% raw %}<b>bold</b>",
        "]]><!--<iframe srcdoc='<script>parent.ran=6</script>'>",
        "&lt;script&gt;window.ran=7&lt;/script&gt;",
    ];
    let mut orders = Vec::new();
    for (at, name) in corpus.into_iter().enumerate() {
        let made = server.post("/services", &json!({"name": name})).assert_status(201).json();
        let id = format!("x-{at}");
        let mut order = order(&id, free() + i64::try_from(at).unwrap() * 4 * HOUR);
        order["services"] = json!([{"id": made["id"]}]);
        server.post("/orders", &order).assert_status(201);
        server.delete(format!("/orders/{id}")).assert_status(204);
        let restore = server.request("POST", format!("/orders/{id}/restore")).send();
        restore.assert_status(200);
        orders.push(format!("/console/orders/{id}"));
    }
    let Some(browser) = Browser::at(&server, Looks::default()) else { return };
    let asked: Vec<String> = corpus
        .iter()
        .flat_map(|text| {
            let text: Vec<String> = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let text = text.concat();
            [
                format!("/?view={text}&date={text}&service={text}&tz={text}"),
                format!("/console/orders?order={text}&from={text}&min_fee={text}&sort={text}"),
                format!("/console/sign-in?next={text}"),
                format!("/console/{text}"),
            ]
        })
        .collect();
    let pages = PAGES.iter().map(|page| (*page).to_owned()).chain(orders).chain(asked);
    for page in pages {
        browser.open(&page);
        assert!(browser.script("return window.ran ?? null").is_null(), "{page}");
    }
    browser.open("/console/services");
    let shown = browser.script("return document.querySelector('main').innerText");
    for name in corpus {
        assert!(shown.as_str().unwrap().contains(name), "{name} is shown as it is");
    }
    browser.assert_clean(&["404"]);
}
