//! Traces that a build with the feature `otel` sends to an OpenTelemetry collector.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

use std::collections::HashMap;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use orders_tests::{
    Database, Receiver, Reply, Scratch, Server, Setup, free_address, order, traced_binary,
};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::Value;

use crate::both_databases;

const NOON: i64 = 1_700_000_000_000;
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// The parts of a span that the tests check.
#[derive(Debug, Clone)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: u64,
    start: u64,
    end: u64,
    attributes: HashMap<String, String>,
}

impl Span {
    fn read(span: &Value) -> Self {
        let text = |name: &str| span[name].as_str().unwrap_or_default().to_owned();
        let time = |name: &str| text(name).parse().expect("a time in nanoseconds");
        let attribute = |attribute: &Value| {
            let value = attribute["value"].as_object().unwrap().values().next().unwrap();
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (attribute["key"].as_str().unwrap().to_owned(), value)
        };
        let attributes = span["attributes"].as_array().into_iter().flatten();
        Self {
            trace: text("traceId"),
            id: text("spanId"),
            parent: text("parentSpanId"),
            name: text("name"),
            kind: span["kind"].as_u64().unwrap(),
            start: time("startTimeUnixNano"),
            end: time("endTimeUnixNano"),
            attributes: attributes.map(attribute).collect(),
        }
    }

    fn children<'s>(&self, all: &'s [Self]) -> Vec<&'s Self> {
        let mut children: Vec<_> = all.iter().filter(|span| span.parent == self.id).collect();
        children.sort_by_key(|span| span.start);
        children
    }
}

/// A process that sends its spans to `collector` as JSON, soon.
fn start(scratch: &Scratch, program: &Path, collector: &str, more: &[(&str, &str)]) -> Server {
    let mut variables = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    variables.extend(more);
    let setup = Setup {
        program: Some(program),
        variables: &variables,
        arguments: &["--sample-data"],
        ..Setup::default()
    };
    Server::start_as(scratch, &setup)
}

fn base(collector: &Receiver) -> String {
    format!("http://127.0.0.1:{}", collector.port())
}

/// All spans that were sent, once there is one of that name.
fn spans_with(collector: &Receiver, name: &str) -> Vec<Span> {
    let began = Instant::now();
    loop {
        let mut spans = Vec::new();
        for request in collector.received() {
            assert_eq!(request.line, "POST /v1/traces HTTP/1.1");
            assert_eq!(request.header("content-type"), "application/json");
            let sent = request.event();
            for resource in sent["resourceSpans"].as_array().unwrap() {
                let attributes = resource["resource"]["attributes"].to_string();
                assert!(attributes.contains("orders-api"), "{attributes}");
                for scope in resource["scopeSpans"].as_array().unwrap() {
                    spans.extend(scope["spans"].as_array().unwrap().iter().map(Span::read));
                }
            }
        }
        if spans.iter().any(|span| span.name == name) {
            return spans;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{name}: {spans:?}");
        sleep(Duration::from_millis(20));
    }
}

#[apply(both_databases)]
#[ignore = "needs a build with traces: ./tests/run"]
fn a_request_is_a_span_of_its_callers_trace_and_tells_what_the_database_did(database: Database) {
    let (program, scratch) = (traced_binary(), database.fresh());
    let collector = Receiver::start();
    let server = start(&scratch, &program, &base(&collector), &[]);
    let traced = format!("00-{TRACE}-{CALLER}-01");
    let created = server
        .request("POST", "/orders")
        .header("traceparent", &traced)
        .header("X-Request-Id", "request-7")
        .json(&order("a", NOON))
        .send();
    created.assert_status(201);
    let spans = spans_with(&collector, "POST /orders");
    let root = spans.iter().find(|span| span.name == "POST /orders").unwrap();
    assert_eq!((root.trace.as_str(), root.parent.as_str(), root.kind), (TRACE, CALLER, 2));
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/orders"),
        ("http.response.status_code", "201"),
        ("orders.request_id", "request-7"),
    ] {
        assert_eq!(root.attributes.get(name).map(String::as_str), Some(value), "{root:?}");
    }
    let [write] = root.children(&spans)[..] else { panic!("{spans:?}") };
    assert_eq!((write.name.as_str(), write.trace.as_str()), ("write", TRACE));
    assert_eq!(write.attributes.get("orders.batch_size").map(String::as_str), Some("1"));
    let steps = write.children(&spans);
    let names: Vec<_> = steps.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["queue", "lock", "judge", "commit"]);
    for (step, next) in steps.iter().zip(steps.iter().skip(1)) {
        assert_eq!(step.end, next.start, "one after the other: {steps:?}");
    }
    assert!(steps.iter().all(|step| step.start >= write.start && step.end <= write.end));
    assert!(write.start >= root.start && write.end <= root.end, "{write:?} in {root:?}");

    // A new trace if the client sends none, also for a rejected request.
    server.get("/orders/a").assert_status(200);
    server.post("/orders", &order("b", NOON)).assert_status(409);
    server.get("/nothing").assert_status(404);
    let spans = spans_with(&collector, "GET");
    let read = spans.iter().find(|span| span.name == "GET /orders/{id}").unwrap();
    assert!(read.parent.is_empty() && read.trace != TRACE, "{read:?}");
    assert_eq!(read.children(&spans)[0].name, "read");
    let refused = |span: &&Span| span.attributes["http.response.status_code"] == "409";
    let refused = spans.iter().filter(|span| span.kind == 2).find(refused).unwrap();
    let steps = refused.children(&spans)[0].children(&spans);
    assert!(steps.iter().all(|step| step.name != "commit"), "nothing was written: {steps:?}");
    scratch.assert_calm();
}

#[test]
#[ignore = "needs a build with traces: ./tests/run"]
fn what_its_caller_does_not_trace_is_not_traced() {
    let (program, scratch) = (traced_binary(), Database::Sqlite.fresh());
    let collector = Receiver::start();
    let server = start(&scratch, &program, &base(&collector), &[]);
    let untraced = format!("00-{TRACE}-{CALLER}-00");
    let get = server.request("GET", "/services/123").header("traceparent", &untraced);
    get.send().assert_status(200);
    // What is no trace at all is no trouble.
    let get = server.request("GET", "/orders").header("traceparent", "00-nonsense");
    get.send().assert_status(200);
    let spans = spans_with(&collector, "GET /orders");
    assert!(spans.iter().all(|span| span.trace != TRACE), "{spans:?}");
}

#[test]
#[ignore = "needs a build with traces: ./tests/run"]
fn spans_are_sent_as_protobuf_unless_told_otherwise_and_the_last_at_the_end() {
    let (program, scratch) = (traced_binary(), Database::Sqlite.fresh());
    let collector = Receiver::start();
    let more = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_BSP_SCHEDULE_DELAY", "60000"),
        ("OTEL_SERVICE_NAME", "bookings"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=seven"),
    ];
    let mut server = start(&scratch, &program, &base(&collector), &more);
    server.get("/orders/223").assert_status(200);
    server.terminate();
    assert_eq!(server.wait(), Some(0), "{}", server.log());
    let sent = collector.wait_for(1).remove(0);
    assert_eq!(sent.line, "POST /v1/traces HTTP/1.1");
    assert_eq!(sent.header("content-type"), "application/x-protobuf");
    assert_eq!(sent.header("x-tenant"), "seven");
    let holds = |text: &str| sent.body.windows(text.len()).any(|piece| piece == text.as_bytes());
    // Not the id alone: the ids of traces and requests are random, and may hold its three digits.
    assert!(holds("GET /orders/{id}") && holds("bookings") && !holds("/orders/223"), "{sent:?}");
}

#[rstest]
#[case::that_refuses(Some(Reply::Status(503)))]
#[case::that_is_silent(Some(Reply::Silence))]
#[case::that_is_not_there(None)]
#[ignore = "needs a build with traces: ./tests/run"]
fn a_collector_that_takes_nothing_holds_up_nobody(#[case] reply: Option<Reply>) {
    let (program, scratch) = (traced_binary(), Database::Sqlite.fresh());
    let collector = reply.map(|reply| Receiver::answering(move |_, _| reply.clone()));
    let url = collector.as_ref().map_or_else(|| format!("http://{}", free_address()), base);
    let mut server = start(&scratch, &program, &url, &[]);
    let began = Instant::now();
    for number in 0..3_000 {
        server.get(format!("/orders/{}", 223 + number % 3)).assert_status(200);
    }
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
    server.wait_for_log("takes no traces");
    server.terminate();
    let began = Instant::now();
    assert_eq!(server.wait(), Some(0), "{}", server.log());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
#[ignore = "needs a build with traces: ./tests/run"]
fn a_build_without_traces_says_so_and_one_with_them_sends_none_unasked() {
    let scratch = Database::Sqlite.fresh();
    let collector = Receiver::start();
    let url = base(&collector);
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str())];
    let server = Server::start_as(&scratch, &Setup { variables: &variables, ..Setup::default() });
    server.wait_for_log("built without traces");
    server.get("/healthz").assert_status(200);
    drop(server);
    let program = traced_binary();
    for more in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        let server = start(&scratch, &program, &url, &[more]);
        server.get("/healthz").assert_status(200);
        assert!(!server.log().contains("traces"), "{}", server.log());
    }
    assert!(collector.received().is_empty());
}
