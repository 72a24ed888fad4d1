//! The files in `deploy/` and `docker/`: each is checked by its own tool, and names only what exists.
#![expect(clippy::disallowed_methods, reason = "settings of tests are read where they are used")]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use orders_tests::{Database, Metrics, OWN_KEY, Server, Setup, certificate, order, orders_api};
use serde_json::{Value, json};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap()
}

/// A program of the virtual environment of the tests.
fn tool(name: &str) -> Command {
    let schemathesis = std::env::var_os("ORDERS_TESTS_SCHEMATHESIS");
    let schemathesis = schemathesis.expect("ORDERS_TESTS_SCHEMATHESIS is set: see tests/run");
    Command::new(Path::new(&schemathesis).with_file_name(name))
}

fn assert_fine(ended: &Output) -> String {
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ended.status.success(), "{}{}", said(&ended.stdout), said(&ended.stderr));
    said(&ended.stdout)
}

/// A YAML file, by a parser that others wrote.
fn yaml(path: &str) -> Value {
    const AS_JSON: &str = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))";
    let file = fs::File::open(top().join(path)).unwrap();
    let run = tool("python3").args(["-c", AS_JSON]).stdin(file).output().unwrap();
    serde_json::from_str(&assert_fine(&run)).unwrap()
}

/// The names of metrics in an expression.
fn names(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|word| word.starts_with("orders_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

/// What is scraped of a server that has done a little of everything.
fn scraped() -> (Server, Metrics) {
    let scratch = Database::Sqlite.fresh();
    let setup = Setup { arguments: &["--sample-data"], ..Setup::default() };
    let server = Server::start_as(&scratch, &setup);
    server.post("/orders", &order("a", 1_700_000_000_000)).assert_status(201);
    server.get("/orders/a").assert_status(200);
    let metrics = Metrics::of(&server);
    (server, metrics)
}

#[test]
fn the_dashboard_shows_what_there_is() {
    let (_server, metrics) = scraped();
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana-dashboard.json")).unwrap();
    let mut shown = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "each panel has an id of its own");
        for target in panel["targets"].as_array().unwrap() {
            let of_target = names(target["expr"].as_str().unwrap());
            assert!(!of_target.is_empty(), "{target}");
            shown.extend(of_target);
        }
    }
    let unknown: Vec<_> = shown.iter().filter(|name| !metrics.knows(name)).collect();
    assert!(unknown.is_empty(), "not in /metrics: {unknown:?}");
    // Every metric of the service is shown.
    let is_shown = |family: &&String| shown.iter().any(|name| name.starts_with(family.as_str()));
    let hidden: Vec<_> = metrics.types.keys().filter(|it| it.starts_with("orders_")).collect();
    let hidden: Vec<_> = hidden.into_iter().filter(|family| !is_shown(family)).collect();
    assert!(hidden.is_empty(), "not on the dashboard: {hidden:?}");
}

#[test]
#[ignore = "needs Python tools: ./tests/run"]
fn the_alerts_watch_what_there_is_and_each_is_explained() {
    let rules = yaml("deploy/prometheus-alerts.yaml");
    let (_server, metrics) = scraped();
    let explained = read("docs/OPERATIONS.md");
    let mut seen = BTreeSet::new();
    for group in rules["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            let name = rule["alert"].as_str().unwrap();
            assert!(seen.insert(name), "{name} comes once");
            let watched = names(rule["expr"].as_str().unwrap());
            let unknown: Vec<_> = watched.iter().filter(|name| !metrics.knows(name)).collect();
            assert!(unknown.is_empty(), "{name} watches what is not in /metrics: {unknown:?}");
            assert!(explained.contains(&format!("### {name}\n")), "{name} is not explained");
            assert!(rule["annotations"]["summary"].is_string(), "{name}");
        }
    }
    assert!(seen.len() >= 15);
    for heading in explained.lines().filter_map(|line| line.strip_prefix("### Orders")) {
        assert!(seen.contains(&*format!("Orders{heading}")), "there is no alert Orders{heading}");
    }
}

#[test]
#[ignore = "needs promtool: ./tests/run"]
fn prometheus_takes_the_rules_and_the_metrics() {
    let program = std::env::var_os("ORDERS_TESTS_PROMTOOL");
    let program = program.expect("ORDERS_TESTS_PROMTOOL is set: see tests/run");
    let rules = top().join("deploy/prometheus-alerts.yaml");
    let checked = Command::new(&program).args(["check", "rules"]).arg(rules).output().unwrap();
    assert_fine(&checked);
    let (server, _) = scraped();
    let text = server.get("/metrics").body;
    let mut checking = Command::new(&program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    checking.stdin.take().unwrap().write_all(&text).unwrap();
    assert_fine(&checking.wait_with_output().unwrap());
}

#[test]
#[ignore = "needs Python tools: ./tests/run"]
fn the_image_is_as_hadolint_wants_it() {
    let mut hadolint = tool("hadolint");
    let linted = hadolint.arg(top().join("docker/Dockerfile")).output().unwrap();
    assert_fine(&linted);
}

/// The instructions of the Dockerfile, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let text = read("docker/Dockerfile").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (name, rest) = line.split_once(' ').unwrap();
            (name.to_owned(), rest.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect()
}

#[test]
fn what_the_image_runs_runs_here() {
    let instructions = instructions();
    let all = |name: &str| -> Vec<&str> {
        let of_it = instructions.iter().filter(|(is, _)| is == name);
        of_it.map(|(_, rest)| rest.as_str()).collect()
    };
    // The build: of the same packages and the same lock file, without compiling it all again.
    let build = all("RUN")
        .into_iter()
        .find_map(|run| run.split(" && ").find(|it| it.starts_with("cargo build")));
    let build = build.expect("it builds the program");
    assert_eq!(build, "cargo build --release --locked --workspace --bin orders-api");
    let resolved = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--locked", "--offline", "--format-version", "1", "--no-deps"])
        .current_dir(top())
        .output()
        .unwrap();
    let packages: Value = serde_json::from_str(&assert_fine(&resolved)).unwrap();
    assert!(packages.to_string().contains("\"name\":\"orders-api\""));
    // Nothing that the build reads is kept from it.
    let ignored = read(".dockerignore");
    for needed in ["Cargo.lock", "crates", "migrations", "tests", "bench"] {
        assert!(top().join(needed).exists());
        assert!(ignored.lines().all(|line| line != needed), "{needed} is ignored");
    }
    // The directory of its data.
    let install = all("RUN")
        .into_iter()
        .find_map(|run| run.split(" && ").find(|it| it.starts_with("install")));
    let scratch = Database::Sqlite.fresh();
    let root = scratch.dir().join("rootfs");
    let is_root = rustix::process::geteuid().is_root();
    let mut install = install.unwrap().replace("/rootfs", root.to_str().unwrap());
    if !is_root {
        install = install.replace(" --owner=65532 --group=65532", "");
    }
    assert_fine(&Command::new("sh").args(["-c", &install]).output().unwrap());
    let data = root.join("var/lib/orders");
    assert!(data.is_dir());
    assert_eq!(all("USER"), ["65532:65532"]);
    assert!(all("ENV").contains(&"ORDERS_DATA_DIR=/var/lib/orders"));
    // What it starts: the program with its variables and no argument.
    let entry: Vec<String> = serde_json::from_str(all("ENTRYPOINT")[0]).unwrap();
    assert_eq!(entry, ["/usr/local/bin/orders-api"]);
    let health = all("HEALTHCHECK")[0].split_once("CMD ").unwrap().1;
    let health: Vec<String> = serde_json::from_str(health).unwrap();
    assert_eq!(health[0], entry[0]);
    let server = Server::start(&scratch);
    let address = server.address().to_owned();
    let bind = [("ORDERS_BIND", address.as_str())];
    let arguments: Vec<&str> = health[1..].iter().map(String::as_str).collect();
    drop(orders_api(scratch.dir(), &bind, &arguments).assert_fine());
    drop(server);
    orders_api(scratch.dir(), &bind, &arguments).assert_refused(1, "cannot connect");
}

#[test]
fn the_health_check_asks_over_tls_and_whether_the_service_is_ready() {
    let scratch = Database::Sqlite.fresh();
    let file = |name: &str| certificate(name).display().to_string();
    let (first, key) = (file("first.pem"), file("first.key"));
    let setup = Setup {
        arguments: &["--tls-cert", &first, "--tls-key", &key, "--drain-delay", "1h"],
        drains: true,
        ..Setup::default()
    };
    let server = Server::start_as(&scratch, &setup);
    let check = |arguments: &[&str]| {
        let all = [&["healthcheck", "--bind", server.address()], arguments].concat();
        orders_api(scratch.dir(), &[], &all)
    };
    drop(check(&["--tls-cert", &first]).assert_fine());
    drop(check(&["--tls-cert", &first, "--ready"]).assert_fine());
    // Neither without TLS, nor of a service that is another.
    assert_eq!(check(&[]).code, Some(1));
    check(&["--tls-cert", &file("second.pem")]).assert_refused(1, "certificate");
    server.terminate();
    server.wait_for_log("no longer ready");
    check(&["--tls-cert", &first, "--ready"]).assert_refused(1, "503");
    drop(check(&["--tls-cert", &first]).assert_fine());
}

#[test]
#[ignore = "needs Python tools: ./tests/run"]
fn the_composition_has_a_database_two_processes_and_a_proxy() {
    let composition = yaml("docker/compose.yaml");
    let services = composition["services"].as_object().unwrap();
    let mut names: Vec<_> = services.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["orders-1", "orders-2", "postgres", "proxy"]);
    for process in ["orders-1", "orders-2"] {
        let process = &services[process];
        assert_eq!(process["image"], "orders");
        assert_eq!(process["depends_on"]["postgres"], json!({"condition": "service_healthy"}));
        // The program knows each of its variables, and starts with them.
        let help =
            orders_api(&std::env::temp_dir(), &[], &["serve", "--help"]).assert_fine().stdout;
        for name in process["environment"].as_object().unwrap().keys() {
            let known = help.contains(&format!("[env: {name}")) || name == "ORDERS_API_KEY";
            assert!(known, "{name} is no variable of the program");
        }
    }
    let scratch = Database::Sqlite.fresh();
    let environment = services["orders-1"]["environment"].as_object().unwrap().iter();
    let own = ["ORDERS_DATABASE_URL", "ORDERS_API_KEY", "ORDERS_BIND", "ORDERS_DRAIN_DELAY"];
    let variables: Vec<(&str, &str)> = environment
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .chain([("ORDERS_API_KEY", OWN_KEY)])
        .collect();
    let server = Server::start_as(&scratch, &Setup { variables: &variables, ..Setup::default() });
    server.get("/orders").problem(401, "unauthenticated");
    server.with_key(OWN_KEY).get("/orders").assert_status(200);
    let mounted = services["proxy"]["volumes"][0].as_str().unwrap();
    let file = mounted.split(':').next().unwrap();
    assert!(top().join("docker").join(file).is_file(), "{mounted}");
    let wanted = read("deploy/haproxy.cfg");
    for name in services["proxy"]["environment"].as_object().unwrap().keys() {
        assert!(wanted.contains(&format!("\"${name}\"")), "{name} is not asked for");
    }
}

#[test]
#[cfg_attr(no_systemd, ignore = "systemd is not installed")]
fn systemd_takes_the_unit() {
    let unit = read("deploy/orders-api.service");
    let scratch = Database::Sqlite.fresh();
    // The program that it names is not installed here; another takes its place.
    let started = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    assert_eq!(started, "/usr/local/bin/orders-api serve");
    let here = unit.replace("/usr/local/bin/orders-api", "/bin/true");
    let file = scratch.write("orders-api.service", here);
    let verify = |command: &[&str]| {
        Command::new("systemd-analyze").args(command).arg(&file).output().unwrap()
    };
    let verified = verify(&["verify"]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(!said.contains("orders-api.service"), "{said}");
    let rated = verify(&["security", "--offline=true", "--threshold=20"]);
    assert_fine(&rated);
}
