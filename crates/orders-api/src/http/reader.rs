//! Reads the members of JSON objects and collects all errors.

use std::borrow::Cow;
use std::fmt;

use crate::http::field::{Field, Parse};
use crate::http::json::{Json, Members};
use crate::http::problem::FieldError;

/// Reads the members of an object and collects all errors.
pub(crate) struct Reader<'j> {
    pointer: String,
    members: &'j [(Cow<'j, str>, Json<'j>)],
    is_object: bool,
    /// Whether `null` is a value of its own, as in a merge patch. Elsewhere it means: not given.
    is_patch: bool,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl<'j> Reader<'j> {
    /// Creates a reader of the whole body. The `ignored` members are accepted and not read.
    pub(crate) fn new(json: &'j Json<'j>, ignored: &[&'static str]) -> Self {
        Self::at(String::new(), json, ignored)
    }

    /// Creates a reader of a merge patch (RFC 7396), in which `null` removes a member.
    pub(crate) fn patch(json: &'j Json<'j>, ignored: &[&'static str]) -> Self {
        Self { is_patch: true, ..Self::new(json, ignored) }
    }

    pub(crate) fn at(pointer: String, json: &'j Json<'j>, ignored: &[&'static str]) -> Self {
        let (members, is_object) = match json {
            Json::Object(members) => (Members::as_slice(members), true),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
                (&[][..], false)
            }
        };
        let (is_patch, known, errors) = (false, ignored.to_vec(), Vec::new());
        let mut reader = Self { pointer, members, is_object, is_patch, known, errors };
        if !is_object {
            let (pointer, detail) = (reader.pointer.clone(), "must be an object".to_owned());
            reader.errors.push(FieldError { pointer, detail });
        }
        reader
    }

    /// Reads a member that may be missing.
    pub(crate) fn read<T>(&mut self, field: &Field<T>) -> Option<T> {
        match field.parse {
            Parse::One(parse) => self.optional(field.name, parse),
            Parse::Many(parse) => self.optional_many(field.name, parse),
        }
    }

    /// Reads a member that must be present if `is_required`.
    pub(crate) fn read_if<T>(&mut self, is_required: bool, field: &Field<T>) -> Option<T> {
        if is_required {
            self.require(field.name);
        }
        self.read(field)
    }

    /// Accepts members that must be absent, because typed clients send them as `null`.
    pub(crate) fn absent(&mut self, names: &[&'static str]) {
        let absent = names.iter().copied().filter(|name| self.find(name).is_none());
        let absent: Vec<_> = absent.collect();
        self.known.extend(absent);
    }

    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Json<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(name);
        let json = self.find(name)?;
        read(json).map_err(|detail| self.add_error(name, &detail)).ok()
    }

    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Json<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.require(name);
        self.optional(name, read)
    }

    /// Reads a required member that can have several errors.
    pub(crate) fn required_many<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str, &Json<'_>) -> Result<T, Vec<FieldError>>,
    ) -> Option<T> {
        self.require(name);
        self.optional_many(name, read)
    }

    pub(crate) fn optional_many<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str, &Json<'_>) -> Result<T, Vec<FieldError>>,
    ) -> Option<T> {
        self.known.push(name);
        let json = self.find(name)?;
        let pointer = format!("{}/{name}", self.pointer);
        read(&pointer, json).map_err(|errors| self.errors.extend(errors)).ok()
    }

    fn require(&mut self, name: &str) {
        if self.is_object && self.find(name).is_none() {
            self.add_error(name, "is required");
        }
    }

    /// The value of a member, if it is given.
    fn find(&self, name: &str) -> Option<&'j Json<'j>> {
        let (_, json) = self.members.iter().find(|(member, _)| member == name)?;
        let is_given = self.is_patch || !matches!(json, Json::Null);
        is_given.then_some(json)
    }

    pub(crate) fn finish(mut self) -> Result<(), Vec<FieldError>> {
        for (name, _) in self.members {
            if !self.known.contains(&name.as_ref()) {
                self.add_error(name, "is unknown; remove it");
            }
        }
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }

    /// Records an error in a member.
    fn add_error(&mut self, name: &str, detail: &str) {
        let shown: String = name.chars().take(64).collect();
        let escaped = shown.replace('~', "~0").replace('/', "~1");
        let pointer = format!("{}/{escaped}", self.pointer);
        self.errors.push(FieldError { pointer, detail: detail.to_owned() });
    }
}

/// Checks that the id in a body is that of the path.
pub(crate) fn must_be<T: PartialEq + fmt::Display>(changed: &T, given: T) -> Result<T, String> {
    let other = || format!("must be {changed}, as in the path, or be omitted");
    if given == *changed { Ok(given) } else { Err(other()) }
}

pub(crate) fn read_bool(json: &Json<'_>) -> Result<bool, String> {
    if let Json::Bool(value) = json { Ok(*value) } else { Err("must be true or false".to_owned()) }
}

pub(crate) fn text<'a>(json: &'a Json<'_>) -> Result<&'a str, String> {
    match json {
        Json::Text(text) => Ok(text),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            Err("must be a string".to_owned())
        }
    }
}
