//! Logs on standard error: lines of text or JSON objects.

use std::io::Write;

use env_logger::{Builder, Target};
use log::kv::{Key, Value, VisitSource};
use log::{LevelFilter, Record, kv};
use serde_json::Map;

use crate::cli::LogFormat;

/// Starts logging, with filters in the syntax of `env_logger`.
pub(crate) fn start(filters: &str, format: LogFormat) {
    let mut builder = Builder::new();
    // The HTTP library logs errors that any client can cause.
    builder.filter_module("actix_http", LevelFilter::Off);
    builder.filter_module("actix_server", LevelFilter::Warn);
    builder.parse_filters(filters).target(Target::Stderr);
    match format {
        LogFormat::Text => builder.format_timestamp_millis(),
        LogFormat::Json => builder.format(|out, record| {
            let time = out.timestamp_millis().to_string();
            writeln!(out, "{}", line(record, &time))
        }),
    };
    builder.init();
}

/// Returns a log line as a JSON object with its message and fields.
fn line(record: &Record<'_>, time: &str) -> String {
    let mut fields = Fields(Map::new());
    // Collecting does not fail.
    if record.key_values().visit(&mut fields).is_err() {
        fields.0.clear();
    }
    let mut line = Map::new();
    line.insert("time".to_owned(), time.into());
    line.insert("level".to_owned(), record.level().as_str().into());
    line.insert("target".to_owned(), record.target().into());
    line.insert("message".to_owned(), record.args().to_string().into());
    line.extend(fields.0);
    serde_json::Value::Object(line).to_string()
}

struct Fields(Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let shown = match value.to_u64() {
            Some(number) => number.into(),
            None => value.to_string().into(),
        };
        self.0.insert(key.as_str().to_owned(), shown);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object_whatever_its_message() {
        let key_values = [("request_id", "a\"b\n")];
        let record = Record::builder()
            .args(format_args!("said \"no\"\nand left"))
            .level(log::Level::Info)
            .target("orders")
            .key_values(&key_values)
            .build();
        let line = line(&record, "2026-01-01T00:00:00.000Z");
        assert!(!line.contains('\n'));
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["message"], "said \"no\"\nand left");
        assert_eq!(parsed["request_id"], "a\"b\n");
        assert_eq!(parsed["level"], "INFO");
    }
}
