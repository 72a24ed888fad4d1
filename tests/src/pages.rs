//! Pages and forms of the console, requested like a browser does, without one.

use crate::{Answer, Browser, Client, Database, Looks, Scratch, Server};

/// Every page that needs no key, with what it shows best of the sample data.
pub const PAGES: [&str; 10] = [
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

/// The media type of forms.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Creates a key with the command. Returns its id and the key.
///
/// # Panics
/// If it is not created.
#[must_use]
pub fn make_key(scratch: &Scratch, role: &str) -> (String, String) {
    drop(scratch.run(&["migrate"]).assert_fine());
    let made = scratch.run(&["keys", "create", "--name", "<b>Ann</b>", "--role", role]);
    let printed = made.assert_fine().stdout;
    let (id, key) = printed.trim_end().split_once(' ').unwrap();
    (id.to_owned(), key.to_owned())
}

/// Sends a form from the service's own page.
pub fn send_form(client: &Client, path: &str, cookie: &str, form: &str) -> Answer {
    let origin = format!("http://{}", client.address());
    client
        .request("POST", path)
        .header("Origin", &origin)
        .header("Cookie", cookie)
        .header("Content-Type", FORM)
        .header("Accept", "text/html")
        .body(form)
        .send()
}

/// Encodes a text for a form or an address.
#[must_use]
pub fn encoded(text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    bytes.concat()
}

/// Opens a page.
pub fn open_page(client: &Client, path: &str, cookie: &str) -> Answer {
    client.request("GET", path).header("Cookie", cookie).header("Accept", "text/html").send()
}

/// Signs in with a key. Returns the cookie.
///
/// # Panics
/// If the sign-in fails, or the cookie is not as it must be.
pub fn sign_in(client: &Client, key: &str) -> String {
    let answer = send_form(client, "/console/sign-in", "", &format!("key={key}&next=%2F"));
    assert_eq!((answer.status, answer.header("Location")), (303, Some("/")), "{answer}");
    let cookie = answer.header("Set-Cookie").unwrap();
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(key), "the cookie does not hold the key");
    cookie.split(';').next().unwrap().to_owned()
}

/// A server with the sample data, and a browser at it.
///
/// # Panics
/// If one of them does not start.
#[must_use]
pub fn browse(looks: Looks) -> (Server, Browser) {
    let server = Server::with_sample_data(Database::Sqlite);
    let browser = Browser::at(&server, looks);
    (server, browser)
}

/// Waits until an order is at a time.
///
/// # Panics
/// If it is not in time.
pub fn wait_for_time(browser: &Browser, server: &Server, id: &str, time: &str) {
    let is_there = || server.get(format!("/orders/{id}")).json()["datetime"] == time;
    browser.wait_until(&format!("{id} at {time}"), |_| is_there().then_some(()));
}
