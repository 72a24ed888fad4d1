//! Keeps a copy of all orders in a JSON file, by the pages of the feed of events.
//!
//! ```sh
//! cargo run -p orders-tests --example copy_orders -- http://127.0.0.1:8080 copy.json
//! ```
//!
//! The key, if one is required, is in the environment variable `ORDERS_KEY`. This program and the
//! service may be killed and restarted at any moment: the copy and its position are in one file, which
//! is replaced atomically.
#![expect(clippy::print_stderr, reason = "a program reports to its user")]
#![expect(clippy::indexing_slicing, reason = "a member that a JSON value has not is null")]
#![expect(clippy::disallowed_methods, reason = "a program reads its environment")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

/// The pause after an empty page.
const PAUSE: Duration = Duration::from_millis(500);

/// The orders by their ids, and the sequence up to which they are known.
struct Copy {
    path: String,
    /// The feed that the position is of.
    feed: Option<String>,
    position: String,
    orders: BTreeMap<String, Value>,
}

/// The response of the service.
enum Answer {
    Body(Value),
    /// The feed cannot be followed from our position: it was trimmed, or the database was restored.
    Gone(Value),
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("the URL of the service and a file are needed".into());
    };
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)));
    let agent = config.build().new_agent();
    let mut copy = Copy::open(path)?;
    loop {
        match follow(&agent, &url, &mut copy) {
            Ok(true) => continue,
            Ok(false) => {}
            // The service is restarting or unavailable.
            Err(error) => eprintln!("trying again: {error}"),
        }
        sleep(PAUSE);
    }
}

/// Applies a page of events; whether there was any.
fn follow(agent: &Agent, url: &str, copy: &mut Copy) -> Result<bool, Box<dyn Error>> {
    let feed = copy.feed.as_ref().map(|feed| format!("&feed={feed}")).unwrap_or_default();
    let path = format!("{url}/events?limit=1000&after={}{feed}", copy.position);
    let page = match get(agent, &path)? {
        Answer::Body(page) => page,
        Answer::Gone(gone) => return start_over(agent, url, copy, &gone).map(|()| true),
    };
    copy.feed = page["feed"].as_str().map(str::to_owned);
    let events = page["data"].as_array().ok_or("a page has data")?;
    for event in events {
        copy.apply(&event["data"]);
    }
    if events.is_empty() {
        return Ok(false);
    }
    let next = page["next_after"].as_str().ok_or("a page says what comes next")?;
    next.clone_into(&mut copy.position);
    copy.save()?;
    Ok(true)
}

/// Copies all orders, and continues after the event that was the last before. Events that are older
/// than the orders change nothing.
fn start_over(
    agent: &Agent,
    url: &str,
    copy: &mut Copy,
    gone: &Value,
) -> Result<(), Box<dyn Error>> {
    let (mut orders, mut cursor) = (Vec::new(), String::new());
    loop {
        let Answer::Body(page) = get(agent, &format!("{url}/orders?limit=1000{cursor}"))? else {
            return Err("orders are never gone".into());
        };
        orders.extend(page["data"].as_array().cloned().unwrap_or_default());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    copy.orders.clear();
    for order in orders {
        copy.put(&order);
    }
    copy.feed = gone["feed"].as_str().map(str::to_owned);
    gone["last_sequence"].as_str().ok_or("it says what is left")?.clone_into(&mut copy.position);
    Ok(copy.save()?)
}

fn get(agent: &Agent, url: &str) -> Result<Answer, Box<dyn Error>> {
    let mut request = agent.get(url);
    if let Ok(key) = std::env::var("ORDERS_KEY") {
        request = request.header("X-API-Key", key);
    }
    let mut answer = request.call()?;
    let status = answer.status().as_u16();
    // A page of a thousand large events is larger than what is read without being asked for.
    let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec()?;
    let body: Value = serde_json::from_slice(&body)?;
    match status {
        200 => Ok(Answer::Body(body)),
        410 => Ok(Answer::Gone(body)),
        _ => Err(format!("{url}: {body}").into()),
    }
}

impl Copy {
    fn open(path: String) -> Result<Self, Box<dyn Error>> {
        let kept = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == ErrorKind::NotFound => json!({"position": "0"}),
            Err(error) => return Err(error.into()),
        };
        let position = kept["position"].as_str().ok_or("the file is not a copy")?.to_owned();
        let orders = kept["orders"].as_object().cloned().unwrap_or_default();
        let feed = kept["feed"].as_str().map(str::to_owned);
        Ok(Self { path, feed, position, orders: orders.into_iter().collect() })
    }

    /// Applies an event. Applying it twice changes nothing.
    fn apply(&mut self, change: &Value) {
        if !change["after"].is_null() {
            return self.put(&change["after"]);
        }
        let before = &change["before"];
        let id = before["id"].as_str().unwrap_or_default();
        if self.orders.get(id).is_some_and(|kept| version(kept) <= version(before)) {
            self.orders.remove(id);
        }
    }

    /// Stores an order, unless a newer version of it is stored.
    fn put(&mut self, order: &Value) {
        let id = order["id"].as_str().unwrap_or_default();
        if self.orders.get(id).is_none_or(|kept| version(kept) < version(order)) {
            self.orders.insert(id.to_owned(), order.clone());
        }
    }

    /// Writes a new file and renames it over the old one, so that the file is always complete.
    fn save(&self) -> std::io::Result<()> {
        let content = json!({"feed": self.feed, "position": self.position, "orders": self.orders});
        let new = format!("{}.new", self.path);
        let mut file = File::create(&new)?;
        file.write_all(content.to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(new, &self.path)
    }
}

fn version(order: &Value) -> u64 {
    order["version"].as_u64().unwrap_or_default()
}
