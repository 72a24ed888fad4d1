//! Databases as they are before a run: prepared once, copied for each run.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use crate::contestant::{Contestant, Programs};
use crate::cpu::Processes;
use crate::database::{Database, Databases, Engine};
use crate::load::{Load, Pace, drive};
use crate::plan::Content;
use crate::seed;
use crate::server::Server;
use crate::supervisor::Supervisor;
use crate::workload::Workload;

/// Long enough to store the orders to read.
const STORE_TIME: Duration = Duration::from_mins(5);

/// Larger databases are not copied, because the copy would be written to disk during the run. The
/// orders that a run adds to so many make little difference.
const COPIED: u64 = 100_000;

pub(crate) struct Prepared<'a> {
    supervisor: &'a Supervisor,
    programs: &'a Programs,
    databases: &'a Databases<'a>,
    is_quick: bool,
    made: RefCell<HashMap<(Contestant, Engine, Content), Rc<Fixture<'a>>>>,
}

/// A database for a run.
pub(crate) struct Fixture<'a> {
    pub(crate) database: Database<'a>,
    /// Orders that earlier runs have created in it.
    pub(crate) created: Cell<u64>,
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(
        supervisor: &'a Supervisor,
        programs: &'a Programs,
        databases: &'a Databases<'a>,
        is_quick: bool,
    ) -> Self {
        Self { supervisor, programs, databases, is_quick, made: RefCell::default() }
    }

    /// The database for a run of `contestant`. Only one of a kind may be in use.
    pub(crate) fn take(
        &self,
        contestant: Contestant,
        engine: Engine,
        content: Content,
    ) -> io::Result<Rc<Fixture<'a>>> {
        let key = (contestant.schema(), engine, content);
        let made = self.made.borrow().get(&key).cloned();
        let original = if let Some(original) = made {
            original
        } else {
            let original = Rc::new(Fixture::new(self.make(key)?));
            self.made.borrow_mut().insert(key, Rc::clone(&original));
            original
        };
        if content.orders(self.is_quick) > COPIED {
            return Ok(original);
        }
        Ok(Rc::new(Fixture::new(self.databases.copy(&original.database)?)))
    }

    fn make(
        &self,
        (contestant, engine, content): (Contestant, Engine, Content),
    ) -> io::Result<Database<'a>> {
        let database = self.databases.fresh(engine)?;
        let server = Server::start(self.supervisor, self.programs.command(contestant)?, &database)?;
        exhaust(&server, 1, &mut Workload::service())?;
        if content == Content::Orders {
            exhaust(&server, 64, &mut Workload::store())?;
        }
        server.end()?;
        if let Content::Calendar(_) = content {
            let orders = content.orders(self.is_quick);
            eprintln!("{}: inserting {orders} orders", engine.name());
            seed::fill(&database, engine, orders)?;
        }
        Ok(database)
    }
}

impl<'a> Fixture<'a> {
    fn new(database: Database<'a>) -> Self {
        Self { database, created: Cell::new(0) }
    }
}

/// Sends all requests of a finite workload.
fn exhaust(server: &Server<'_>, connections: usize, workload: &mut Workload) -> io::Result<()> {
    let pace = Pace::ClosedLoop;
    let load = Load { connections, measured: STORE_TIME, pace };
    if drive(&[server.address], load, workload, &Processes::default())?.is_exhausted {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "the orders to read could not be stored in time"))
}
