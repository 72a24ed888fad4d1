//! What people do with a browser: they click, write, press keys and drag.

use serde_json::{Value, json};

use super::{Browser, ELEMENT};

impl Browser {
    /// Clicks at the first element that a selector finds.
    ///
    /// # Panics
    /// If there is none in time.
    pub fn click(&self, selector: &str) {
        self.act(selector, &[("click", json!({}))]);
    }

    /// Writes into a field, in place of what stood there.
    ///
    /// # Panics
    /// If there is none in time.
    pub fn write(&self, selector: &str, text: &str) {
        self.act(selector, &[("clear", json!({})), ("value", json!({"text": text}))]);
    }

    /// Acts on the first element that a selector finds. If the element is replaced meanwhile,
    /// it is looked up again.
    fn act(&self, selector: &str, deeds: &[(&str, Value)]) {
        self.wait_until(selector, |browser| {
            let element = browser.all(selector).into_iter().next()?;
            let mut done = deeds.iter().map(|(deed, parameters)| {
                let path = format!("{}/element/{element}/{deed}", browser.session);
                let answer = browser.agent.post(path).send(parameters.to_string());
                answer.expect("the driver answers").status().is_success()
            });
            done.all(|is_done| is_done).then_some(())
        });
    }

    /// Sets a field to a value, as a picker of dates would.
    pub fn set(&self, selector: &str, value: &str) {
        let element = json!({ELEMENT: self.wait(selector)});
        let script = "arguments[0].value = arguments[1]; \
                      arguments[0].dispatchEvent(new Event('change', {bubbles: true}))";
        self.post("/execute/sync", &json!({"script": script, "args": [element, value]}));
    }

    /// Presses keys, one after the other; those in `held` are held meanwhile.
    pub fn press(&self, held: &[&str], keys: &[&str]) {
        let mut actions = Vec::new();
        let key = |kind: &str, key: &str| json!({"type": kind, "value": key});
        actions.extend(held.iter().map(|held| key("keyDown", held)));
        for one in keys {
            actions.push(key("keyDown", one));
            actions.push(key("keyUp", one));
        }
        actions.extend(held.iter().map(|held| key("keyUp", held)));
        let actions = json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]});
        self.post("/actions", &actions);
    }

    /// Drags the first element that a selector finds by a number of pixels.
    ///
    /// # Panics
    /// If there is no such element.
    pub fn drag(&self, selector: &str, x: i64, y: i64) {
        let from = self.script(&format!(
            "const it = document.querySelector({}); it.scrollIntoView({{block: 'center'}}); \
             const box = (it.querySelector('rect') ?? it).getBoundingClientRect(); \
             return [Math.round(box.x + 20), Math.round(box.y + 10)]",
            json!(selector)
        ));
        let (from_x, from_y) = (from[0].as_i64().unwrap(), from[1].as_i64().unwrap());
        let to = |duration: u32, x: i64, y: i64| json!({"type": "pointerMove", "duration": duration, "x": x, "y": y, "origin": "viewport"});
        let actions = json!([
            to(0, from_x, from_y),
            {"type": "pointerDown", "button": 0},
            to(50, from_x + 8, from_y + 8),
            to(100, from_x + x / 2, from_y + y / 2),
            to(100, from_x + x, from_y + y),
            {"type": "pointerUp", "button": 0},
        ]);
        let pointer = json!({"type": "pointer", "id": "mouse", "actions": actions});
        self.post("/actions", &json!({"actions": [pointer]}));
    }
}
