//! The console on narrow screens, in dark mode, with reduced motion and on paper; and its
//! accessibility.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orders_tests::{
    Browser, Client, Database, Looks, OWN_KEY, PAGES, Server, axe, browse, keyed, order,
};
use rstest::rstest;
use serde_json::json;

const NARROW: Looks =
    Looks { width: 390, height: 844, is_dark: false, runs_scripts: true, zone: "UTC" };

/// The ways in which pages are looked at.
fn all_looks() -> [Looks; 4] {
    let dark = |looks| Looks { is_dark: true, ..looks };
    [Looks::default(), dark(Looks::default()), NARROW, dark(NARROW)]
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn nothing_is_wider_than_a_narrow_screen() {
    let (server, browser) = browse(NARROW);
    for page in PAGES {
        browser.open(page);
        assert_narrow(&browser);
    }
    browser.open("/console/new-order");
    browser.set("#datetime", "2022-11-03T09:00");
    browser.write("#fee", "1");
    browser.click("[name=service]");
    browser.click(".actions .primary");
    browser.wait_for_text("History");
    assert_eq!(server.all("/orders").len(), 4);
    browser.assert_clean(&[]);
}

#[rstest]
#[ignore = "needs axe-core: ./tests/run"]
fn no_page_has_a_serious_fault_of_accessibility(#[values(0, 1, 2, 3)] look: usize) {
    let axe = axe();
    let looks = all_looks()[look];
    let (_server, browser) = browse(looks);
    for page in PAGES {
        browser.open(page);
        assert_accessible(&browser, &axe);
    }
    // Rejected forms.
    browser.open("/console/new-order");
    browser.set("#datetime", "2022-11-01T11:30");
    browser.write("#fee", "1");
    browser.click("[name=service]");
    browser.click(".actions .primary");
    drop(browser.wait("#refusal"));
    assert_accessible(&browser, &axe);
}

#[rstest]
#[ignore = "needs axe-core: ./tests/run"]
fn no_page_of_admins_has_a_serious_fault_of_accessibility(#[values(0, 1, 2, 3)] look: usize) {
    let axe = axe();
    let scratch = Database::Sqlite.fresh();
    let (server, admin) = keyed(&scratch, &[]);
    let looks = all_looks()[look];
    let browser = Browser::at(&server, looks);
    browser.open("/console/admin");
    browser.write("#key", OWN_KEY);
    browser.click("main .primary");
    browser.write("#name", "Front desk");
    browser.click(".filters .primary");
    drop(browser.wait("#made"));
    for path in ["/console/admin".to_owned(), webhook(&admin)] {
        browser.open(&path);
        browser.script("for (const it of document.querySelectorAll('details')) it.open = true");
        assert_accessible(&browser, &axe);
        if looks.width == 390 {
            assert_narrow(&browser);
        }
    }
    browser.assert_clean(&["401"]);
}

/// The page of a webhook.
fn webhook(admin: &Client) -> String {
    let hook = json!({"url": "https://example.com/a/rather/long/path/to/be/told/of/orders"});
    let made = admin.post("/webhooks", &hook).assert_status(201).json();
    format!("/console/webhooks/{}", made["id"].as_str().unwrap())
}

fn assert_narrow(browser: &Browser) {
    let width = browser.script("return document.documentElement.scrollWidth");
    assert!(width.as_i64().unwrap() <= 390, "{} is {width} wide", browser.path());
}

/// A day with more orders than can be drawn beside each other.
fn busy_day() -> (Server, Browser) {
    let scratch = Database::Sqlite.fresh();
    drop(scratch.run(&["migrate"]).assert_fine());
    drop(scratch.run(&["policy", "set", "--window", "1m"]).assert_fine());
    let server = Server::start(&scratch);
    server.post("/services", &json!({"id": 123, "name": "Inspection"})).assert_status(201);
    for at in 0..40 {
        let mut order = order(&format!("o-{at}"), 1_700_038_800_000 + at * 60_000);
        order["totalfee"] = json!(format!("{at}.5"));
        server.post("/orders", &order).assert_status(201);
    }
    let browser = Browser::at(&server, Looks { is_dark: true, ..Looks::default() });
    browser.open("/?view=day&date=2023-11-15");
    (server, browser)
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn on_paper_a_day_is_a_list_of_all_its_orders_and_nothing_else() {
    let (_server, browser) = busy_day();
    assert!(!browser.shows("o-39"), "there is no room for it on a screen");
    let as_printed = json!({"media": "print", "features": [
        {"name": "prefers-color-scheme", "value": "light"},
    ]});
    browser.devtools("Emulation.setEmulatedMedia", &as_printed);
    let shown = browser.script("return document.body.innerText");
    let shown = shown.as_str().unwrap();
    for part in ["Wednesday 15 November 2023", "09:00", "09:39", "Inspection", "o-0", "39.5"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    for at in 0..40 {
        assert!(shown.contains(&format!("o-{at}")), "{at}: {shown}");
    }
    for part in ["Calendar", "Today", "Time zone", "New order", "Show these"] {
        assert!(!shown.contains(part), "{part}: {shown}");
    }
    let colours = browser.script(
        "const style = getComputedStyle(document.querySelector('.printed td')); \
         return [style.color, getComputedStyle(document.documentElement).backgroundColor]",
    );
    assert_eq!(colours, json!(["rgb(0, 0, 0)", "rgb(255, 255, 255)"]));
    let printed = browser.devtools("Page.printToPDF", &json!({"printBackground": true}));
    let paper = STANDARD.decode(printed["data"].as_str().unwrap()).unwrap();
    let pages = String::from_utf8_lossy(&paper).matches("/Type /Page\n").count();
    assert!(paper.starts_with(b"%PDF-") && (1..=2).contains(&pages), "{pages} pages");
    browser.assert_clean(&[]);
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn whoever_wants_no_motion_sees_none() {
    let (_server, browser) = browse(Looks::default());
    browser.open("/?view=month&date=2022-11-01");
    let moves = || {
        browser.script(
            "return [...document.querySelectorAll('*')].filter((it) => { \
               const style = getComputedStyle(it); \
               return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0 \
                 || style.scrollBehavior === 'smooth'; }).length",
        )
    };
    assert_ne!(moves(), 0, "there is motion to be left out");
    let reduced = json!({"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]});
    browser.devtools("Emulation.setEmulatedMedia", &reduced);
    assert_eq!(moves(), 0);
    browser.assert_clean(&[]);
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn whoever_has_dark_colours_gets_dark_pages() {
    let looks = Looks { is_dark: true, ..Looks::default() };
    let (_server, browser) = browse(looks);
    for page in PAGES {
        browser.open(page);
        let light = browser.script(
            "const sum = (colour) => colour.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0); \
             const of = (it) => getComputedStyle(it); \
             return [sum(of(document.documentElement).backgroundColor), sum(of(document.body).color)]",
        );
        let light = [light[0].as_u64().unwrap(), light[1].as_u64().unwrap()];
        assert!(light[0] < 200 && light[1] > 550, "{page}: {light:?}");
    }
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
