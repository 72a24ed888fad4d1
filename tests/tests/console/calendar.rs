//! The calendar of the console in a real browser.

use orders_tests::{Browser, Looks, MINUTE, at, browse, millis_of, order, wait_for_time};
use serde_json::json;

/// The week of the sample data, and an instant in it that is free.
const WEEK: &str = "/?view=week&date=2022-11-03";
const FREE: &str = "2022-11-03T09:00:00.000Z";

fn free() -> i64 {
    millis_of(FREE)
}

fn fill_in(browser: &Browser, time: &str, fee: &str) {
    browser.set("#datetime", time);
    browser.write("#fee", fee);
    if browser.all("[name=service]:checked").is_empty() {
        browser.click("[name=service]");
    }
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn a_newcomer_is_led_to_the_orders_and_makes_one() {
    let (server, browser) = browse(Looks::default());
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
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn a_refusal_names_what_is_in_the_way_and_one_click_takes_a_free_time() {
    let (server, browser) = browse(Looks::default());
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
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn what_somebody_else_changed_meanwhile_is_not_overwritten() {
    let (server, browser) = browse(Looks::default());
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
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn what_is_deleted_comes_back_by_one_click() {
    let (server, browser) = browse(Looks::default());
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
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn what_others_change_is_seen_as_it_happens() {
    let (server, browser) = browse(Looks::default());
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
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn everything_can_be_done_by_the_keyboard() {
    let (server, browser) = browse(Looks::default());
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
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn the_pages_work_without_scripts() {
    let looks = Looks { runs_scripts: false, ..Looks::default() };
    let (server, browser) = browse(looks);
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
    browser.wait_until("the one order up to that fee", |browser| {
        (browser.all(".list tbody tr").len() == 1).then_some(())
    });
    assert_eq!(browser.all("body[data-zone]").len(), 1);
    browser.assert_clean(&[]);
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn times_are_shown_in_the_zone_of_whoever_looks() {
    let looks = Looks { zone: "Asia/Kolkata", ..Looks::default() };
    let (server, browser) = browse(looks);
    browser.open("/?view=month&date=2022-11-01");
    drop(browser.wait("body[data-zone='Asia/Kolkata'], body[data-zone='Asia/Calcutta']"));
    browser.wait_for_text("16:41");
    let title = browser.script("return document.querySelector('.chip').title");
    assert!(title.as_str().unwrap().starts_with("2022-11-01T11:11:11.111Z"));
    browser.open("/console/orders/223");
    browser.write("#fee", "5");
    browser.click("[data-edit] .primary");
    browser.wait_for_text("Version\n2");
    assert_eq!(
        server.get("/orders/223").json()["datetime"],
        "2022-11-01T11:11:11.111Z",
        "to the millisecond"
    );
    browser.assert_clean(&[]);
}
