//! A second load generator, `wrk`, which shares no code with the one in `load.rs`.

use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::supervisor::Supervisor;
use crate::workload::{FIRST_MS, STORED, Traffic, WINDOW_MS};

/// One run of `wrk`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) requests: u32,
    pub(crate) per_second: f64,
}

/// Runs `wrk` with one thread. Creates start at the order of number `first`.
///
/// # Errors
/// Traffic other than creates and reads by id, a socket error, or an answer other than 2xx.
pub(crate) fn run(
    supervisor: &Supervisor,
    address: SocketAddr,
    (traffic, first): (Traffic, u64),
    clients: usize,
    duration: Duration,
) -> io::Result<Run> {
    let file = supervisor.dir().join("wrk.lua");
    let script = script(traffic, first)
        .ok_or_else(|| io::Error::other(format!("no wrk script for {traffic:?}")))?;
    std::fs::write(&file, script)?;
    let mut command = Command::new("wrk");
    command
        .args(["--threads", "1", "--timeout", "30s", "--connections", &clients.to_string()])
        // Whole seconds only.
        .args(["--duration", &duration.as_secs().max(1).to_string(), "--script"])
        .arg(file)
        .arg(format!("http://{address}/"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut wrk = supervisor
        .spawn(&mut command, Signal::TERM)
        .map_err(|error| io::Error::new(error.kind(), format!("wrk: {error}")))?;
    let output = wrk.child().stdout.take().ok_or_else(|| io::Error::other("no output"))?;
    let output = io::read_to_string(output)?;
    wrk.wait()?;
    parse(&output).ok_or_else(|| io::Error::other(format!("wrk:\n{output}")))
}

/// The requests in Lua: the same as those of `Traffic`.
fn script(traffic: Traffic, first: u64) -> Option<String> {
    match traffic {
        Traffic::Create => {
            let (first_s, window_s) = (FIRST_MS / 1000, WINDOW_MS / 1000);
            Some(format!(
                r#"local number = {first}
local headers = {{ ["Content-Type"] = "application/json" }}
function request()
  local datetime = os.date("!%Y-%m-%dT%H:%M:%S.000Z", {first_s} + number * {window_s})
  number = number + 1
  local body = '{{"datetime":"' .. datetime .. '","totalfee":100,"services":[{{"id":"123"}}]}}'
  return wrk.format("POST", "/orders", headers, body)
end
"#
            ))
        }
        Traffic::Find => Some(format!(
            r#"math.randomseed(1)
function request()
  return wrk.format("GET", string.format("/orders/order-%08d", math.random(0, {last})))
end
"#,
            last = STORED - 1
        )),
        Traffic::Conflict
        | Traffic::Page
        | Traffic::PageFrom
        | Traffic::Move
        | Traffic::Mix
        | Traffic::Batch
        | Traffic::Between => None,
    }
}

/// Reads the output, or returns `None` if it reports an error.
fn parse(output: &str) -> Option<Run> {
    if output.contains("Non-2xx") || output.contains("Socket errors") {
        return None;
    }
    let mut lines = output.lines().map(str::trim);
    let (requests, _) = lines.find_map(|line| line.split_once(" requests in "))?;
    let per_second = lines.find_map(|line| line.strip_prefix("Requests/sec:"))?;
    Some(Run { requests: requests.parse().ok()?, per_second: per_second.trim().parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
Running 1s test @ http://127.0.0.1:8080/
  1 threads and 1 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   111.05us   14.72us 401.00us   84.00%
    Req/Sec     8.93k   170.26     9.10k    81.82%
  9770 requests in 1.10s, 3.10MB read
Requests/sec:   8881.30
Transfer/sec:      2.82MB
";

    #[test]
    fn requests_and_their_rate_are_read_from_the_output() {
        assert_eq!(parse(OUTPUT), Some(Run { requests: 9_770, per_second: 8_881.3 }));
    }

    #[test]
    fn an_unexpected_answer_is_an_error() {
        let with_errors =
            OUTPUT.replace("Requests/sec", "  Non-2xx or 3xx responses: 7\nRequests/sec");
        assert_eq!(parse(&with_errors), None);
        let with_errors =
            OUTPUT.replace("Requests/sec", "  Socket errors: connect 1\nRequests/sec");
        assert_eq!(parse(&with_errors), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn only_creates_and_reads_by_id_have_a_script() {
        assert!(script(Traffic::Create, 7).unwrap().starts_with("local number = 7\n"));
        assert!(script(Traffic::Find, 0).unwrap().contains("math.random(0, 4999)"));
        assert_eq!(script(Traffic::Mix, 0), None);
    }
}
