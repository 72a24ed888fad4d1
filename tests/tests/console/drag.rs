//! Moving orders in a real browser, by dragging and by the keyboard.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]

use orders_tests::{Browser, HOUR, Looks, at, browse, millis_of, order, wait_for_time};

/// The week and the month of the sample data, and an instant in them that is free.
const WEEK: &str = "/?view=week&date=2022-11-03";
const MONTH: &str = "/?view=month&date=2022-11-03";
const FREE: &str = "2022-11-03T09:00:00.000Z";

fn free() -> i64 {
    millis_of(FREE)
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn an_order_is_dragged_and_what_the_rule_refuses_goes_elsewhere_by_one_click() {
    let (server, browser) = browse(Looks::default());
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
    assert_eq!(server.get("/orders/o").json()["datetime"], FREE);
    browser.click("dialog [data-at]");
    wait_for_time(&browser, &server, "o", "2022-11-01T08:11:11.111Z");
    browser.assert_clean(&["409"]);
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn while_an_order_is_dragged_its_free_room_is_shown_and_escape_gives_up() {
    let (server, browser) = browse(Looks::default());
    server.post("/orders", &order("o", free())).assert_status(201);
    browser.open(WEEK);
    drop(browser.wait("[data-id=o]"));
    take_up(&browser);
    // Before and after what the sample data blocks, and all of the other days, its own included.
    browser.wait_until("the free room", |browser| (browser.all(".free").len() == 8).then_some(()));
    assert_eq!(browser.all(".ghost").len(), 1);
    browser.press(&[], &["\u{e00c}"]);
    browser.wait_until("the end", |browser| browser.all(".free, .ghost").is_empty().then_some(()));
    assert_eq!(server.get("/orders/o").json()["datetime"], FREE);
    browser.assert_clean(&[]);
}

/// Begins to drag the order, and holds it.
fn take_up(browser: &Browser) {
    browser.script(
        "const it = document.querySelector('[data-id=o]'); \
         const box = (it.querySelector('rect') ?? it).getBoundingClientRect(); \
         for (const [kind, y] of [['pointerdown', 5], ['pointermove', 60]]) \
           it.dispatchEvent(new PointerEvent(kind, {bubbles: true, button: 0, \
             clientX: box.x + 20, clientY: box.y + y}))",
    );
}

/// How wide and high the days of a month are, in pixels.
fn size_of_a_day(browser: &Browser) -> (i64, i64) {
    let size = browser.script(
        "const box = document.querySelector('.month td').getBoundingClientRect(); \
         return [Math.round(box.width), Math.round(box.height)]",
    );
    (size[0].as_i64().unwrap(), size[1].as_i64().unwrap())
}

/// Waits until the page shows an order in a version.
fn wait_for_version(browser: &Browser, version: &str) {
    browser.wait_until(&format!("version {version}"), |browser| {
        let shown = browser.script("return document.querySelector('[data-id=o]')?.dataset.version");
        (shown == version).then_some(())
    });
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn in_a_month_an_order_goes_to_another_day_and_keeps_its_time_of_the_day() {
    let (server, browser) = browse(Looks::default());
    server.post("/orders", &order("o", free())).assert_status(201);
    browser.open(MONTH);
    drop(browser.wait("[data-id=o]"));
    let (day, week) = size_of_a_day(&browser);
    browser.drag("[data-id=o]", day, week);
    wait_for_time(&browser, &server, "o", "2022-11-11T09:00:00.000Z");
    browser.wait_for_text("Moved to");
    browser.click(".notice button");
    wait_for_time(&browser, &server, "o", FREE);
    wait_for_version(&browser, "3");
    // A drop at its own place or outside of the month changes nothing.
    browser.drag("[data-id=o]", 8, 8);
    browser.drag("[data-id=o]", 0, -150);
    browser.drag("[data-id=o]", -2 * day, 0);
    browser.wait_for_text("orders must be at least 3 hours apart");
    assert_eq!(server.get("/orders/o").json()["version"], 3);
    browser.click("dialog [data-at]");
    wait_for_time(&browser, &server, "o", "2022-11-01T08:11:11.111Z");
    browser.assert_clean(&["409"]);
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn in_a_month_the_days_that_are_free_are_shown_while_an_order_is_dragged() {
    let (server, browser) = browse(Looks::default());
    server.post("/orders", &order("o", free())).assert_status(201);
    browser.open(MONTH);
    drop(browser.wait("[data-id=o]"));
    take_up(&browser);
    // At nine it is too near to the orders of the first, and nowhere else: not even to itself.
    browser.wait_until("the free days", |browser| {
        (browser.all(".month td.open").len() == 34).then_some(())
    });
    assert_eq!(browser.all(".month td.taken").len(), 1);
    assert_eq!(browser.all(".month td.taken .chip[data-id='223']").len(), 1);
    assert!(!browser.all(".strip .f").is_empty() && browser.all(".ghost").len() == 1);
    browser.press(&[], &["\u{e00c}"]);
    browser.wait_until("the end", |browser| {
        browser.all(".ghost, .open, .taken, .target, .f").is_empty().then_some(())
    });
    assert_eq!(server.get("/orders/o").json()["datetime"], FREE);
    browser.assert_clean(&[]);
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn an_order_keeps_its_time_of_the_day_where_the_clocks_are_put_back() {
    let looks = Looks { zone: "Europe/Berlin", ..Looks::default() };
    let (server, browser) = browse(looks);
    // Twelve on Friday by the clocks of Berlin, which are put back on Sunday morning.
    let noon = millis_of("2022-10-28T10:00:00.000Z");
    server.post("/orders", &order("o", noon)).assert_status(201);
    browser.open("/?view=month&date=2022-10-28");
    drop(browser.wait("body[data-zone='Europe/Berlin'] [data-id=o]"));
    let (day, _) = size_of_a_day(&browser);
    browser.drag("[data-id=o]", 2 * day, 0);
    wait_for_time(&browser, &server, "o", "2022-10-30T11:00:00.000Z");
    wait_for_version(&browser, "2");
    browser.drag("[data-id=o]", -3 * day, 0);
    wait_for_time(&browser, &server, "o", "2022-10-27T10:00:00.000Z");
    browser.assert_clean(&[]);
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn in_a_month_an_order_is_moved_by_the_keyboard() {
    let (server, browser) = browse(Looks::default());
    let [shift, left, down] = ["\u{e008}", "\u{e012}", "\u{e015}"];
    server.post("/orders", &order("o", free())).assert_status(201);
    browser.open(MONTH);
    drop(browser.wait("[data-id=o]"));
    browser.script("document.querySelector('[data-id=o]').focus()");
    browser.press(&[shift], &[down]);
    wait_for_time(&browser, &server, "o", "2022-11-10T09:00:00.000Z");
    wait_for_version(&browser, "2");
    // The focus has stayed with it.
    browser.press(&[shift], &[left]);
    wait_for_time(&browser, &server, "o", "2022-11-09T09:00:00.000Z");
    browser.assert_clean(&[]);
}
