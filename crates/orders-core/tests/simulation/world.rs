//! One run: callers, processes and a database, whose steps are interleaved by the dice.

use std::num::NonZeroU64;

use orders_core::order::Group;
use orders_core::policy::{CalendarId, Slot};
use orders_core::{OrderId, Period, Policy, Scope, ServiceId};

use crate::client::{self, Client};
use crate::database::{Database, Kind};
use crate::dice::Dice;
use crate::knobs::Knobs;
use crate::ledger::{Answered, Ledger};
use crate::process::{self, Process};
use crate::rules::Rule;

/// The most steps that a run may take to come to rest.
const REST: usize = 100_000;

/// After so many steps in which nobody could do anything, nobody will.
const STILL: usize = 200;

struct World {
    dice: Dice,
    database: Database,
    processes: Vec<Process>,
    clients: Vec<Client>,
    ledger: Ledger,
    /// One fault in so many steps; 0 for none.
    faults: usize,
    /// Callers ask for no more.
    closing: bool,
}

/// Runs a number of steps, and then until everybody is answered.
pub(crate) fn run(seed: u64, kind: Kind, knobs: Knobs, steps: u64) -> Ledger {
    let mut dice = Dice::new(seed);
    let scope = *dice.pick(&[Scope::Global, Scope::Service]);
    let edit_lock = dice.one_in(6).then(|| Period::from_millis(20).unwrap());
    let policy = Policy { window: Policy::default().window, scope, edit_lock };
    let services = [1, 2, 3].map(|id| ServiceId::new(id).unwrap()).to_vec();
    let processes = 1 + dice.below(4);
    let clients = 2 + dice.below(10);
    let faults = if knobs.faults { *dice.pick(&[0, 400, 100, 40]) } else { 0 };
    let mut world = World {
        dice,
        database: Database::new(kind, policy, services, knobs),
        processes: (0..processes).map(|_| Process::default()).collect(),
        clients: (0..clients).map(Client::new).collect(),
        ledger: Ledger::default(),
        faults,
        closing: false,
    };
    for _ in 0..steps {
        world.step();
    }
    world.close();
    world.ledger
}

impl World {
    /// One step of somebody who can do one. `false`: nobody can.
    fn step(&mut self) -> bool {
        self.ledger.figures.steps += 1;
        // With each step: by its sequence, its order and its time a commit is known again when its
        // fate is looked up, and within one tick another could look the same.
        self.database.now_ms += 1;
        if self.dice.one_in(self.faults) {
            self.fault();
        }
        let first = self.dice.below(3);
        let moved = (0..3).any(|turn| match (first + turn) % 3 {
            0 => self.step_of_a_client(),
            1 => self.step_of_a_process(),
            _ => self.step_of_a_session(),
        });
        let policy = self.database.policy;
        for committed in std::mem::take(&mut self.database.committed) {
            self.ledger.commit(&self.database.tables, &policy, &committed.0);
        }
        moved
    }

    fn step_of_a_client(&mut self) -> bool {
        let first = self.dice.below(self.clients.len());
        let policy = self.database.policy;
        for turn in 0..self.clients.len() {
            let place = (first + turn) % self.clients.len();
            let client = &mut self.clients[place];
            if client.pending.is_some() {
                if client.wait(&mut self.ledger, &policy, &mut self.dice) {
                    return true;
                }
            } else if !self.closing {
                let id = client.ask(&mut self.ledger, &mut self.dice);
                let process = self.dice.below(self.processes.len());
                if !self.processes[process].push(id) {
                    self.ledger.tell(&policy, id, Answered::Failed);
                }
                return true;
            }
        }
        false
    }

    fn step_of_a_process(&mut self) -> bool {
        let Self { processes, database, ledger, dice, .. } = self;
        let first = dice.below(processes.len());
        let mut world = process::World { database, ledger, dice };
        let count = processes.len();
        (0..count).any(|turn| processes[(first + turn) % count].step(&mut world))
    }

    fn step_of_a_session(&mut self) -> bool {
        let ids = self.database.ids();
        if ids.is_empty() {
            return false;
        }
        let first = self.dice.below(ids.len());
        (0..ids.len())
            .any(|turn| self.database.step(ids[(first + turn) % ids.len()], &mut self.dice))
    }

    fn fault(&mut self) {
        self.ledger.figures.faults += 1;
        let (place, committing) = self.victim();
        let policy = self.database.policy;
        let Self { processes, database, ledger, dice, .. } = self;
        let mut world = process::World { database, ledger, dice };
        match world.dice.below(if committing { 12 } else { 20 }) {
            0..=5 => {
                for id in processes[place].crash(&mut world) {
                    world.ledger.tell(&policy, id, Answered::Unknown);
                }
            }
            6..=11 => {
                processes[place].cut(&mut world);
            }
            12..=16 => {
                // What has frozen is ended by the server.
                if let Some(id) = processes[place].session() {
                    world.database.end(id);
                }
            }
            17 => world.database.crash(world.dice),
            _ if world.ledger.history.strays.len() < 2 => self.stray(),
            _ => {}
        }
    }

    /// Rather a process whose commit is under way, and whether that is what was found.
    fn victim(&mut self) -> (usize, bool) {
        let committing = self.processes.iter().position(Process::is_committing);
        let any = self.dice.below(self.processes.len());
        let chosen = committing.filter(|_| !self.dice.one_in(3));
        (chosen.unwrap_or(any), chosen.is_some())
    }

    /// Somebody writes a place past the service.
    fn stray(&mut self) {
        let number = u64::try_from(self.ledger.history.strays.len()).unwrap();
        let calendar = match self.database.policy.scope {
            Scope::Global => CalendarId::Global,
            Scope::Service => CalendarId::Service(self.database.services[0]),
        };
        let group = Group(NonZeroU64::new(u64::MAX - number).unwrap());
        let start = client::time(&mut self.dice);
        let interval = self.database.policy.interval(calendar, start);
        let slot = Slot { calendar, interval, group };
        let id = OrderId::parse(&format!("stray-{number}")).unwrap();
        if self.database.stray(slot, id.clone()) {
            self.ledger.history.strays.push((id, slot));
        }
    }

    /// Lets everybody finish, without any more faults.
    fn close(&mut self) {
        self.database.knobs.faults = false;
        self.faults = 0;
        self.closing = true;
        let (mut left, mut still) = (REST, 0);
        while left > 0 && still < STILL {
            still = if self.step() { 0 } else { still + 1 };
            left -= 1;
        }
        if self.clients.iter().any(|client| client.pending.is_some()) {
            let stuck = format!("{:?} {:?}", self.clients, self.processes);
            self.ledger.violations.push((Rule::Stuck, stuck));
        }
        self.ledger.close(&self.database.tables, &self.database.policy);
    }
}
