//! What nobody meant: no key, swipe, lost answer or refresh changes more than its user wanted.

use std::time::{Duration, Instant};

use orders_tests::{
    Browser, Database, HOUR, Looks, Server, at, browse, millis_of, open_page, order, wait_for_time,
};
use serde_json::json;

const WEEK: &str = "/?view=week&date=2022-11-03";
const MONTH: &str = "/?view=month&date=2022-11-03";
const FREE: &str = "2022-11-03T09:00:00.000Z";
const ENTER: &str = "\u{e007}";

fn free() -> i64 {
    millis_of(FREE)
}

/// Counts the requests for the page, and can lose the answers to changes.
fn watch_requests(browser: &Browser, lost: u32) {
    browser.script(&format!(
        "window.pages = 0; window.changes = 0; const real = window.fetch; \
         window.fetch = async (to, options) => {{ \
           const isChange = options?.method === 'PATCH'; \
           if (isChange) window.changes += 1; else if (to === location.href) window.pages += 1; \
           const answer = await real(to, options); \
           if (isChange && window.changes <= {lost}) throw new TypeError('lost'); \
           return answer; }}"
    ));
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn enter_after_a_refusal_sends_the_time_that_was_typed() {
    for field in ["#datetime", "#fee"] {
        let (server, browser) = browse(Looks::default());
        browser.open("/console/new-order?at=2022-11-01T11:00:00Z");
        browser.write("#fee", "7");
        browser.click("main [name=service]");
        browser.click("main .actions .primary");
        drop(browser.wait("#refusal button[name=take]"));
        browser.set("#datetime", "2022-11-05T09:30");
        browser.script(&format!("document.querySelector('{field}').focus()"));
        browser.press(&[], &[ENTER]);
        browser.wait_until("the order", |_| (server.all("/orders").len() == 4).then_some(()));
        let orders = server.all("/orders");
        assert_eq!(orders[3]["datetime"], "2022-11-05T09:30:00.000Z", "Enter in {field}");
        browser.assert_clean(&["409", "422"]);
    }
}

/// In every form of every page, the first submit button acts on what is typed.
#[test]
fn the_default_button_of_no_form_is_one_of_several_choices() {
    let server = Server::with_sample_data(Database::Sqlite);
    let refused = server
        .request("POST", "/console/new-order")
        .header("Content-Type", orders_tests::FORM)
        .header("Origin", &format!("http://{}", server.address()))
        .body("datetime=2022-11-01T11:00&fee=1&service=123&tz=UTC&token=0123456789abcdef")
        .send()
        .text();
    assert!(refused.contains("name=\"take\""), "{refused}");
    let pages = ["/", "/console/orders", "/console/orders/223", "/console/services"];
    let pages = pages.map(|path| open_page(&server, path, "").assert_status(200).text());
    for page in pages.iter().chain([&refused]) {
        for form in page.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap();
            let Some(first) = form.split("<button").nth(1) else { continue };
            let attributes = first.split('>').next().unwrap();
            assert!(!attributes.contains("name="), "{attributes} is the default of {form}");
        }
    }
}

/// Touches an order, moves the finger and lets go.
fn touch(browser: &Browser, held: u32, (x, y): (i64, i64)) {
    browser.script_later(&format!(
        "const done = arguments[arguments.length - 1]; \
         const it = document.querySelector('[data-id=o]'); it.scrollIntoView({{block: 'center'}}); \
         const box = (it.querySelector('rect') ?? it).getBoundingClientRect(); \
         const send = (kind, x, y) => it.dispatchEvent(new PointerEvent(kind, {{bubbles: true, button: 0, \
           pointerType: 'touch', clientX: box.x + 10 + x, clientY: box.y + 5 + y}})); \
         send('pointerdown', 0, 0); \
         setTimeout(() => {{ send('pointermove', {x} / 2, {y} / 2); send('pointermove', {x}, {y}); \
           send('pointerup', {x}, {y}); setTimeout(done, 100); }}, {held})"
    ));
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn a_swipe_moves_no_order_and_a_long_press_lifts_it() {
    let (server, browser) = browse(Looks { width: 400, height: 800, ..Looks::default() });
    server.post("/orders", &order("o", free())).assert_status(201);
    for page in [MONTH, WEEK] {
        browser.open(page);
        drop(browser.wait("[data-id=o]"));
        touch(&browser, 0, (0, 120));
        touch(&browser, 50, (120, 0));
        assert_eq!(server.get("/orders/o").json()["version"], 1, "a swipe on {page}");
    }
    touch(&browser, 600, (0, 92));
    wait_for_time(&browser, &server, "o", &at(free() + 2 * HOUR));
    browser.assert_clean(&[]);
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn an_order_that_is_dropped_outside_the_calendar_stays() {
    let (server, browser) = browse(Looks::default());
    server.post("/orders", &order("o", free())).assert_status(201);
    for page in [MONTH, WEEK] {
        browser.open(page);
        drop(browser.wait("[data-id=o]"));
        // Over another day, then above the calendar.
        browser.script_later(
            "const done = arguments[arguments.length - 1]; \
             const it = document.querySelector('[data-id=o]'); \
             const box = (it.querySelector('rect') ?? it).getBoundingClientRect(); \
             const send = (kind, x, y) => it.dispatchEvent(new PointerEvent(kind, {bubbles: true, \
               button: 0, clientX: x, clientY: y})); \
             send('pointerdown', box.x + 10, box.y + 5); \
             send('pointermove', box.x + 200, box.y + 5); \
             send('pointermove', 10, 5); send('pointerup', 10, 5); setTimeout(done, 300)",
        );
        assert_eq!(server.get("/orders/o").json()["version"], 1, "{page}");
        assert!(browser.all(".ghost, .dragging").is_empty());
    }
    browser.assert_clean(&[]);
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn a_move_whose_answer_is_lost_is_sent_again_and_done_once() {
    let (server, browser) = browse(Looks::default());
    server.post("/orders", &order("o", free())).assert_status(201);
    browser.open(WEEK);
    drop(browser.wait("[data-id=o]"));
    watch_requests(&browser, 2);
    browser.drag("[data-id=o]", 0, 92);
    browser.wait_for_text("Moved to");
    let moved = server.get("/orders/o").json();
    assert_eq!((&moved["version"], &moved["datetime"]), (&json!(2), &json!(at(free() + 2 * HOUR))));
    // Without any answer, nothing is claimed.
    browser.open(WEEK);
    drop(browser.wait("[data-id=o]"));
    watch_requests(&browser, 99);
    browser.drag("[data-id=o]", 0, 92);
    browser.wait_for_text("it is not known whether the order was moved");
    assert!(!browser.shows("Nothing was changed"));
    assert_eq!(server.get("/orders/o").json()["version"], 3, "it was moved once");
    browser.assert_clean(&[]);
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn a_live_change_keeps_focus_selection_and_what_is_half_typed() {
    let (server, browser) = browse(Looks::default());
    browser.open(WEEK);
    drop(browser.wait(".column"));
    browser.script(
        "const it = document.querySelector('#tz'); it.focus(); it.value = 'Europe/Ber'; \
         it.setSelectionRange(3, 7); window.kept = it",
    );
    server.post("/orders", &order("o", free())).assert_status(201);
    drop(browser.wait("[data-id=o]"));
    let state = browser.script(
        "const it = document.querySelector('#tz'); return [it === window.kept, \
         document.activeElement === it, it.value, it.selectionStart, it.selectionEnd]",
    );
    assert_eq!(state, json!([true, true, "Europe/Ber", 3, 7]));
    browser.assert_clean(&[]);
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn changes_outside_the_view_refresh_nothing_and_many_refresh_steadily() {
    let (server, browser) = browse(Looks::default());
    browser.open(WEEK);
    drop(browser.wait(".column"));
    watch_requests(&browser, 0);
    for number in 0..5 {
        let far = free() + (100 + number) * 24 * HOUR;
        server.post("/orders", &order(&format!("far{number}"), far)).assert_status(201);
    }
    server.post("/orders", &order("near", free())).assert_status(201);
    drop(browser.wait("[data-id=near]"));
    let pages = browser.script("return window.pages").as_u64().unwrap();
    assert_eq!(pages, 1, "only the near one is shown");
    // Far more than ten changes a second, for as long as it takes until the view shows a new one.
    let began = Instant::now();
    let mut version = 1;
    loop {
        let time = free() + (version % 2) * HOUR;
        server.put("/orders/near", &order("near", time)).assert_status(200);
        version += 1;
        let shown =
            browser.script("return document.querySelector('[data-id=near]')?.dataset.version");
        if shown.as_str().is_some_and(|shown| shown.parse::<i64>().unwrap() > 5) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the view stands still");
    }
    browser.assert_clean(&[]);
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn a_month_on_a_phone_shows_every_order_or_how_many_more_there_are() {
    let (server, browser) = browse(Looks { width: 390, height: 800, ..Looks::default() });
    let midnight = millis_of("2022-11-08T00:00:00.000Z");
    for number in 0..6 {
        let time = midnight + number * 3 * HOUR;
        server.post("/orders", &order(&format!("o{number}"), time)).assert_status(201);
    }
    browser.open(MONTH);
    drop(browser.wait("[data-id=o0]"));
    let shown = browser.script(
        "const cell = document.querySelector('[data-id=o0]').closest('td'); \
         const inside = cell.getBoundingClientRect(); \
         return [...cell.querySelectorAll('.chip, .more')].map((it) => [it.textContent.trim(), \
           it.getBoundingClientRect().height > 8 && it.getBoundingClientRect().bottom <= inside.bottom + 1])",
    );
    let shown = shown.as_array().unwrap();
    assert!(shown.iter().all(|it| it[1] == true), "{shown:?}");
    assert_eq!(shown.len(), 5, "{shown:?}");
    assert_eq!(shown[4][0], "2 more");
}

#[test]
fn by_service_a_time_is_blocked_if_it_is_for_all_and_each_row_has_its_own() {
    let scratch = Database::Sqlite.fresh();
    drop(scratch.run(&["seed"]).assert_fine());
    drop(scratch.run(&["policy", "set", "--scope", "service"]).assert_fine());
    let server = Server::start(&scratch);
    let mut body = order("o", free());
    body["services"] = json!([{"id": 123}]);
    server.post("/orders", &body).assert_status(201);
    let day = |query: &str| {
        let page = open_page(&server, &format!("/?view=day&date=2022-11-03{query}"), "");
        page.assert_status(200).text().matches("<rect class=\"b\"").count()
    };
    assert_eq!(day(""), 0, "other services are free");
    assert_eq!(day("&service=123"), 1);
    assert_eq!(day("&service=456"), 0);
    assert_eq!(day("&service=123&service=456"), 0);
    body["id"] = json!("p");
    body["services"] = json!([{"id": 456}]);
    server.post("/orders", &body).assert_status(201);
    assert_eq!(day("&service=123&service=456"), 1, "blocked for both");
    let mut later = order("q", free() + 48 * HOUR);
    later["services"] = json!([{"id": 456}]);
    server.post("/orders", &later).assert_status(201);
    let line = open_page(&server, "/?view=timeline&date=2022-11-03", "").assert_status(200).text();
    let shading = |name: &str| {
        let row = line.split(name).nth(1).unwrap();
        row.split("class=\"b\" d=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .matches('M')
            .count()
    };
    let (inspection, analysis) =
        (shading("<span class=\"label\">Inspection"), shading("<span class=\"label\">Analysis"));
    assert_eq!(analysis, inspection + 1, "{line}");
}
