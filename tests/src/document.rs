//! The OpenAPI document of the program under test. Every response is checked against it: the service
//! must not send anything that is not documented.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::{Answer, guard, orders_api};

/// The document, as the program prints it.
#[derive(Debug)]
pub struct Document {
    /// The whole document.
    pub json: Value,
    /// The schemas compiled so far, by what they describe.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// The document of this process's program, loaded once.
///
/// # Panics
/// If the program prints no document.
pub fn document() -> &'static Document {
    static DOCUMENT: OnceLock<Document> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let printed = orders_api(guard::dir(), &[], &["openapi"]).assert_fine().stdout;
        let json = serde_json::from_str(&printed).expect("the document is JSON");
        Document { json, validators: Mutex::default() }
    })
}

impl Document {
    /// Each path with its operations by method, in upper case.
    ///
    /// # Panics
    /// If the document has no paths.
    pub fn paths(&self) -> impl Iterator<Item = (&str, Vec<(String, &Value)>)> {
        let paths = self.json["paths"].as_object().expect("a document has paths");
        paths.iter().map(|(path, operations)| {
            let operations = operations.as_object().unwrap().iter();
            (path.as_str(), operations.map(|(name, of)| (name.to_uppercase(), of)).collect())
        })
    }

    /// What is wrong with a value, if anything, by a schema that may refer to the components.
    ///
    /// # Panics
    /// If it is no schema.
    pub fn fault(&self, name: &str, schema: &Value, value: &Value) -> Option<String> {
        let validator = self.validator(name, schema);
        let fault = validator.validate(value).err()?;
        Some(format!("{fault} at {:?} of {name}", fault.instance_path().to_string()))
    }

    fn validator(&self, name: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let compile = || {
            let root = json!({"allOf": [schema], "components": self.json["components"]});
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(options.build(&root).unwrap_or_else(|error| panic!("{name}: {error}")))
        };
        Arc::clone(validators.entry(name.to_owned()).or_insert_with(compile))
    }

    /// Checks that a response is documented.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub(crate) fn check(&self, method: &str, answer: &Answer) {
        let Some(path) = self.path_of(&answer.path) else {
            return;
        };
        // Requests that the HTTP parser itself rejects are the one exception to problem bodies.
        let is_bare = answer.body.is_empty() && answer.header("Content-Type").is_none();
        if method == "OPTIONS" || (is_bare && matches!(answer.status, 400 | 408 | 431)) {
            return;
        }
        let documented = if method == "HEAD" { "GET" } else { method };
        let operation = &self.json["paths"][&path][documented.to_lowercase()];
        if operation.is_null() {
            assert!(matches!(answer.status, 404 | 405), "{method} is not documented: {answer}");
            return;
        }
        let response = &operation["responses"][answer.status.to_string()];
        let what = format!("{method} {path} {}", answer.status);
        assert!(response.is_object(), "{what} is not documented: {answer}");
        if let Some(why) = self.fault_of_headers(&what, response, answer) {
            panic!("{why}: {answer}");
        }
        if method != "HEAD"
            && let Some(why) = self.fault_of_body(&what, response, answer)
        {
            panic!("{why}: {answer}");
        }
    }

    fn fault_of_headers(&self, what: &str, response: &Value, answer: &Answer) -> Option<String> {
        let headers = response["headers"].as_object().expect("each answer has headers");
        headers.iter().find_map(|(name, header)| {
            let value = Value::from(answer.header(name)?);
            self.fault(&format!("{what} {name}"), &self.resolve(header)["schema"], &value)
        })
    }

    fn fault_of_body(&self, what: &str, response: &Value, answer: &Answer) -> Option<String> {
        if answer.header("Content-Encoding").is_some() {
            // Compressed, as the request accepts: the schema is about the content.
            return None;
        }
        let media = answer.header("Content-Type").unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default();
        let Some(contents) = response["content"].as_object() else {
            return (!answer.body.is_empty())
                .then(|| format!("{what} is documented without a body"));
        };
        let Some(content) = contents.get(media) else {
            return Some(format!("{what} is not documented as {media:?}"));
        };
        let value = if matches!(media, "application/json" | "application/problem+json") {
            answer.json()
        } else {
            Value::from(answer.text())
        };
        self.fault(&format!("{what} {media}"), &content["schema"], &value)
    }

    /// The target of a reference, or the value itself.
    ///
    /// # Panics
    /// If it refers to nothing.
    #[must_use]
    pub fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        reference
            .map_or(value, |pointer| self.json.pointer(pointer).expect("it refers to something"))
    }

    /// The documented path: one without parameters takes precedence.
    fn path_of(&self, path: &str) -> Option<String> {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |documented: &str| {
            let documented: Vec<&str> = documented.split('/').collect();
            documented.len() == parts.len()
                && documented.iter().zip(&parts).all(|(documented, part)| {
                    documented == part || (documented.starts_with('{') && !part.is_empty())
                })
        };
        let found = self.json["paths"].as_object()?.keys().filter(|path| fits(path));
        found.min_by_key(|path| path.matches('{').count()).cloned()
    }
}
