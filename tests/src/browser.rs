//! A real browser: Chromium, driven by its own driver over the `WebDriver` protocol (W3C), which is
//! JSON over HTTP and no more than is needed here.

mod driver;
mod input;

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;

use crate::{Server, guard, installation};

pub use driver::axe;
use driver::start;

/// How long something on a page is waited for.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The name under which `WebDriver` refers to elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The settings of a browser.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    /// The width of its window, in pixels.
    pub width: u32,
    /// The height of its window, in pixels.
    pub height: u32,
    /// Whether it is set to dark colours.
    pub is_dark: bool,
    /// Whether it runs scripts.
    pub runs_scripts: bool,
    /// Its time zone.
    pub zone: &'static str,
}

impl Default for Looks {
    fn default() -> Self {
        Self { width: 1440, height: 1000, is_dark: false, runs_scripts: true, zone: "UTC" }
    }
}

/// A browser with one window on a server.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    agent: Agent,
    session: String,
    server: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// A browser at a server.
    ///
    /// # Panics
    /// If it does not start, for example because Chromium or its driver is not installed.
    #[must_use]
    pub fn at(server: &Server, looks: Looks) -> Self {
        let [driver, chromium] = ["chromedriver", "chromium"].map(|program| {
            installation::on_path(program).unwrap_or_else(|| panic!("{program} is not on PATH"))
        });
        let profile = tempfile::Builder::new().prefix("orders-tests-browser-").tempdir().unwrap();
        let (mut driver, port) = start(&driver);
        guard::began(driver.id());
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_mins(2)))
            .build()
            .new_agent();
        let mut preferences = json!({});
        if !looks.runs_scripts {
            preferences = json!({"profile.managed_default_content_settings.javascript": 2});
        }
        let size = format!("--window-size={},{}", looks.width, looks.height);
        let data = format!("--user-data-dir={}", profile.path().display());
        let asked = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "goog:chromeOptions": {
                "binary": chromium,
                "prefs": preferences,
                "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                    "--no-first-run", "--disable-background-networking", "--disable-component-update",
                    "--disable-sync", "--hide-scrollbars", size, data],
            },
        }}});
        let base = format!("http://127.0.0.1:{port}/session");
        let mut answer = agent.post(&base).send(asked.to_string()).expect("the driver answers");
        let answer = answer.body_mut().read_to_vec().expect("the driver answers");
        let answer: Value = serde_json::from_slice(&answer).expect("the driver answers JSON");
        let Some(id) = answer["value"]["sessionId"].as_str() else {
            drop(driver.kill());
            panic!("no browser: {answer}");
        };
        let server = format!("http://{}", server.address());
        let session = format!("{base}/{id}");
        let browser = Self { driver, agent, session, server, _profile: profile };
        browser.emulate(looks);
        browser
    }

    fn emulate(&self, looks: Looks) {
        let Looks { width, height, .. } = looks;
        let scheme = if looks.is_dark { "dark" } else { "light" };
        for (command, parameters) in [
            (
                "Emulation.setDeviceMetricsOverride",
                json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}),
            ),
            (
                "Emulation.setEmulatedMedia",
                json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
            ),
            ("Emulation.setTimezoneOverride", json!({"timezoneId": looks.zone})),
        ] {
            self.devtools(command, &parameters);
        }
    }

    /// Sends a command of the `DevTools` protocol.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Opens a page of the server.
    pub fn open(&self, path: &str) {
        self.post("/url", &json!({"url": format!("{}{path}", self.server)}));
    }

    /// The path and query of the page that is shown.
    ///
    /// # Panics
    /// If it is not one of the server.
    #[must_use]
    pub fn path(&self) -> String {
        let url = self.get("/url");
        let url = url.as_str().unwrap();
        url.strip_prefix(&self.server).unwrap_or_else(|| panic!("elsewhere: {url}")).to_owned()
    }

    /// Runs a script in the page, and gives back what it returns.
    pub fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Runs a script that calls back its last argument.
    pub fn script_later(&self, script: &str) -> Value {
        self.post("/execute/async", &json!({"script": script, "args": []}))
    }

    /// The elements that a selector finds now.
    ///
    /// # Panics
    /// If the driver does not respond.
    #[must_use]
    pub fn all(&self, selector: &str) -> Vec<String> {
        let found = self.post("/elements", &json!({"using": "css selector", "value": selector}));
        let found = found.as_array().unwrap().iter();
        found.map(|element| element[ELEMENT].as_str().unwrap().to_owned()).collect()
    }

    /// The first element that a selector finds, once there is one.
    ///
    /// # Panics
    /// If there is none in time.
    #[must_use]
    pub fn wait(&self, selector: &str) -> String {
        self.wait_until(selector, |browser| browser.all(selector).into_iter().next())
    }

    /// Waits until something is so.
    ///
    /// # Panics
    /// If it is not in time.
    pub fn wait_until<T>(&self, what: &str, found: impl Fn(&Self) -> Option<T>) -> T {
        let until = Instant::now() + TIMEOUT;
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            if Instant::now() > until {
                let shown = self.script("return document.body.innerText");
                panic!("{what} does not come at {}:\n{shown}", self.get("/url"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the page shows a text.
    pub fn wait_for_text(&self, text: &str) {
        self.wait_until(text, |browser| browser.shows(text).then_some(()));
    }

    /// Whether the page shows a text.
    #[must_use]
    pub fn shows(&self, text: &str) -> bool {
        let shown = self.script("return document.body.innerText");
        shown.as_str().is_some_and(|shown| shown.contains(text))
    }

    /// The text of the first element that matches a selector.
    #[must_use]
    pub fn text(&self, selector: &str) -> String {
        let element = self.wait(selector);
        self.get(&format!("/element/{element}/text")).as_str().unwrap_or_default().to_owned()
    }

    /// The value of a field.
    #[must_use]
    pub fn value(&self, selector: &str) -> String {
        let element = self.wait(selector);
        let value = self.get(&format!("/element/{element}/property/value"));
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Opens another window, and works in it from now on.
    ///
    /// # Panics
    /// If the driver does not respond.
    pub fn new_window(&self) -> String {
        let made = self.post("/window/new", &json!({"type": "window"}));
        let handle = made["handle"].as_str().unwrap().to_owned();
        self.switch_to(&handle);
        handle
    }

    /// The window that is worked in.
    ///
    /// # Panics
    /// If the driver does not respond.
    #[must_use]
    pub fn window(&self) -> String {
        self.get("/window").as_str().unwrap().to_owned()
    }

    /// Works in a window from now on.
    pub fn switch_to(&self, window: &str) {
        self.post("/window", &json!({"handle": window}));
    }

    /// A picture of what the window shows, as a PNG in Base64.
    #[must_use]
    pub fn picture(&self) -> String {
        self.get("/screenshot").as_str().unwrap_or_default().to_owned()
    }

    /// Checks that the console has no errors so far (a violation of the page's
    /// Content-Security-Policy is one), and that no other host received a request.
    ///
    /// # Panics
    /// If there was.
    pub fn assert_clean(&self, but: &[&str]) {
        let said = self.post("/se/log", &json!({"type": "browser"}));
        for entry in said.as_array().unwrap() {
            let (level, message) = (&entry["level"], entry["message"].as_str().unwrap());
            let is_known = but.iter().any(|known| message.contains(known));
            assert!(is_known || (level != "SEVERE" && level != "WARNING"), "{entry}");
        }
        let done = self.post("/se/log", &json!({"type": "performance"}));
        let mut requests = 0;
        for entry in done.as_array().unwrap() {
            let message: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let message = &message["message"];
            if message["method"] == "Network.requestWillBeSent" {
                let url = message["params"]["request"]["url"].as_str().unwrap();
                let own = ["data:", "about:", "chrome:", &self.server];
                assert!(own.iter().any(|own| url.starts_with(own)), "asked elsewhere: {url}");
                requests += 1;
            }
        }
        assert!(requests > 0, "the requests are seen");
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.agent.post(format!("{}{path}", self.session)).send(body.to_string());
        value_of(path, answer)
    }

    fn get(&self, path: &str) -> Value {
        value_of(path, self.agent.get(format!("{}{path}", self.session)).call())
    }
}

fn value_of(path: &str, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Value {
    let mut answer = answer.expect("the driver answers");
    let body = answer.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap();
    let mut json: Value = serde_json::from_slice(&body).unwrap();
    let value = json["value"].take();
    assert!(answer.status().is_success(), "{path}: {value}");
    value
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser; the driver goes after it.
        drop(self.agent.delete(&self.session).call());
        drop(self.driver.kill());
        drop(self.driver.wait());
        guard::ended(self.driver.id());
    }
}
