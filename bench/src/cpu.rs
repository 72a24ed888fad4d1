//! Processor time of the measured processes, read from `/proc`.

use std::fs;
use std::io;

use serde::Serialize;

use crate::statistics::Summary;

/// The processes whose time is counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Processes {
    pub(crate) servers: Vec<u32>,
    /// The PostgreSQL server. Its sessions are its children.
    pub(crate) database: Option<u32>,
}

/// Processor time, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CpuTime {
    pub(crate) server_us: f64,
    pub(crate) database_us: Option<f64>,
}

/// Processor time per request, in microseconds, over several runs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CpuSummary {
    pub(crate) server_us: Summary,
    /// `None` if the database runs in the server's process.
    pub(crate) database_us: Option<Summary>,
}

impl Processes {
    /// The time that they have used so far.
    pub(crate) fn cpu_time(&self) -> io::Result<CpuTime> {
        let tick_us = 1e6 / f64::from(u32::try_from(clock_ticks()).unwrap_or(100));
        let mut server = 0;
        for id in &self.servers {
            server += Stat::read(*id)?.own_ticks;
        }
        let database = self.database.map(with_children).transpose()?;
        Ok(CpuTime {
            server_us: to_f64(server) * tick_us,
            database_us: database.map(|ticks| to_f64(ticks) * tick_us),
        })
    }
}

impl CpuTime {
    /// The time since `earlier`, per request.
    pub(crate) fn per_request_since(self, earlier: Self, requests: u32) -> Self {
        let share = |us: f64| us / f64::from(requests.max(1));
        Self {
            server_us: share(self.server_us - earlier.server_us),
            database_us: self
                .database_us
                .zip(earlier.database_us)
                .map(|(now, then)| share(now - then)),
        }
    }
}

impl CpuSummary {
    /// Summarizes the runs, or returns `None` if there are none.
    pub(crate) fn of(runs: &[CpuTime]) -> Option<Self> {
        let database: Vec<f64> = runs.iter().filter_map(|run| run.database_us).collect();
        (!runs.is_empty()).then(|| Self {
            server_us: Summary::of(runs.iter().map(|run| run.server_us).collect()),
            database_us: (!database.is_empty()).then(|| Summary::of(database)),
        })
    }
}

/// What `/proc/<pid>/stat` says about a process, in clock ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// User and system time of all its threads.
    own_ticks: u64,
    /// The same of its children that have ended.
    ended_children_ticks: u64,
}

impl Stat {
    fn read(process_id: u32) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{process_id}/stat"))?;
        Self::parse(&text).ok_or_else(|| io::Error::other(format!("unexpected stat: {text}")))
    }

    fn parse(text: &str) -> Option<Self> {
        // The name stands in parentheses and may contain anything.
        let (_, fields) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(1)?).ok()?,
            own_ticks: number(11)? + number(12)?,
            ended_children_ticks: number(13)? + number(14)?,
        })
    }
}

/// The time of a process and of all its children, also of those that have ended.
fn with_children(process_id: u32) -> io::Result<u64> {
    let own = Stat::read(process_id)?;
    let mut ticks = own.own_ticks + own.ended_children_ticks;
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end between the listing and the read.
        if let Ok(stat) = Stat::read(id)
            && stat.parent == process_id
        {
            ticks += stat.own_ticks;
        }
    }
    Ok(ticks)
}

fn clock_ticks() -> u64 {
    rustix::param::clock_ticks_per_second()
}

fn to_f64(ticks: u64) -> f64 {
    f64::from(u32::try_from(ticks).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_a_name_with_parentheses_and_spaces() {
        let text = "7 (a) b) S 3 7 7 0 -1 4194560 1 2 3 4 50 6 70 8 20 0 1 0 99";
        let expected = Stat { parent: 3, own_ticks: 56, ended_children_ticks: 78 };
        assert_eq!(Stat::parse(text), Some(expected));
        assert_eq!(Stat::parse("7 (a) S 3"), None);
    }

    #[test]
    fn time_is_shared_by_the_requests() {
        let at = |server_us, database_us| CpuTime { server_us, database_us };
        let spent = at(500.0, Some(90.0)).per_request_since(at(100.0, Some(50.0)), 4);
        assert_eq!(spent, at(100.0, Some(10.0)));
        assert_eq!(at(8.0, None).per_request_since(at(0.0, None), 2), at(4.0, None));
    }

    #[test]
    fn this_process_uses_time() {
        let this = Processes { servers: vec![std::process::id()], database: None };
        let before = this.cpu_time().unwrap();
        while this.cpu_time().unwrap().server_us <= before.server_us {}
    }
}
