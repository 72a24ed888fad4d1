//! Attacks by stored text and by other sites, in a real browser.

use orders_tests::{
    Browser, Database, HOUR, Looks, OWN_KEY, PAGES, Server, Setup, encoded, millis_of, order,
    send_form, sign_in,
};
use serde_json::json;

/// An instant that is free beside the sample data.
const FREE: &str = "2022-11-03T09:00:00.000Z";

/// What would run if it were taken for more than text.
const CORPUS: [&str; 8] = [
    "<script>window.ran = 1</script>",
    "\"><img src=x onerror=\"window.ran = 2\">",
    "' autofocus onfocus='window.ran = 3",
    "</textarea></title><svg/onload=window.ran=4>",
    "javascript:window.ran=5",
    "{{7*7}}{% raw %}<b>bold</b>",
    "]]><!--<iframe srcdoc='<script>parent.ran=6</script>'>",
    "&lt;script&gt;window.ran=7&lt;/script&gt;",
];

fn assert_nothing_ran(browser: &Browser, what: &str) {
    assert!(browser.script("return window.ran ?? null").is_null(), "{what}");
}

#[test]
#[cfg_attr(no_chromium, ignore = "Chromium is not installed")]
fn nothing_that_is_stored_or_sent_runs() {
    let scratch = Database::Sqlite.fresh();
    let variables = &[("ORDERS_API_KEY", OWN_KEY)];
    let setup = Setup { arguments: &["--sample-data"], variables, ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    let (admin, cookie) = (server.with_key(OWN_KEY), sign_in(&server, OWN_KEY));
    let first = millis_of(FREE);
    let mut stored = vec!["/console/admin".to_owned()];
    for (at, text) in CORPUS.into_iter().enumerate() {
        let made = admin.post("/services", &json!({"name": text})).assert_status(201).json();
        let id = format!("x-{at}");
        let mut order = order(&id, first + i64::try_from(at).unwrap() * 4 * HOUR);
        order["services"] = json!([{"id": made["id"]}]);
        // The caller has such a name too, and the history shows it.
        let key = json!({"name": text, "role": "writer"});
        let key = admin.post("/keys", &key).assert_status(201).json();
        let writer = server.with_key(key["key"].as_str().unwrap());
        writer.post("/orders", &order).assert_status(201);
        writer.delete(format!("/orders/{id}")).assert_status(204);
        writer.request("POST", format!("/orders/{id}/restore")).send().assert_status(200);
        stored.push(format!("/console/orders/{id}"));
    }
    // Last, so that there is nothing to be delivered.
    for text in CORPUS {
        let url = format!("https://example.com/{text}");
        let hook = json!({"url": url.replace(' ', "%20"), "description": text});
        let hook = admin.post("/webhooks", &hook).assert_status(201).json();
        stored.push(format!("/console/webhooks/{}", hook["id"].as_str().unwrap()));
    }
    let browser = Browser::at(&server, Looks::default());
    browser.open("/");
    browser.write("#key", OWN_KEY);
    browser.click("main .primary");
    drop(browser.wait("nav"));
    let asked = CORPUS.iter().flat_map(|text| {
        let text = encoded(text);
        [
            format!("/?view={text}&date={text}&service={text}&tz={text}"),
            format!("/console/orders?order={text}&from={text}&min_fee={text}&sort={text}"),
            format!("/console/sign-in?next={text}"),
            format!("/console/figures?from={text}&to={text}&tz={text}"),
            format!("/console/{text}"),
        ]
    });
    let pages = PAGES.iter().map(|page| (*page).to_owned()).chain(stored).chain(asked);
    for page in pages {
        browser.open(&page);
        assert_nothing_ran(&browser, &page);
    }
    for (page, part) in [("/console/services", "main"), ("/console/admin", "main")] {
        browser.open(page);
        let shown = browser.script(&format!("return document.querySelector('{part}').innerText"));
        for name in CORPUS {
            assert!(shown.as_str().unwrap().contains(name), "{name} is shown as it is on {page}");
        }
    }
    browser.assert_clean(&["404", "401"]);
    // A rejected form shows its fields again, as text.
    for text in CORPUS {
        let text = encoded(text);
        for (path, form) in [
            (
                "/console/new-order",
                format!(
                    "datetime={text}&fee={text}&was={text}&token={text}&tz={text}&service={text}"
                ),
            ),
            (
                "/console/orders/223",
                format!("datetime={text}&fee={text}&version={text}&service={text}"),
            ),
            (
                "/console/webhooks",
                format!("url={text}&description={text}&event={text}&token={text}"),
            ),
            ("/console/keys", format!("name=&role={text}&days={text}&token={text}")),
            ("/console/services", format!("name={}", "x".repeat(201) + &text)),
            ("/console/sign-in", format!("key={text}&next={text}")),
        ] {
            let page = send_form(&server, path, &cookie, &form).assert_status(422).text();
            browser.open("/console/services");
            browser.script(&format!(
                "document.open(); document.write({}); document.close()",
                json!(page)
            ));
            assert_nothing_ran(&browser, path);
        }
    }
    browser.assert_clean(&["404", "401"]);
}
