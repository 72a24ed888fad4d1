//! The faults: one after the other, each repaired before the next.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::deployment::Deployment;
use super::{Shared, Tally};
use crate::Random;

/// What may happen.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// A process is killed.
    Kill,
    /// A process is shut down and started again.
    Restart,
    /// A process is frozen, and resumes when its clients may have timed out.
    Freeze,
    /// The connections of a process with its clients are cut, and new ones too.
    CutClients,
    /// What a process and its clients send each other does not arrive.
    SwallowClients,
    /// The connections of a process with its database are cut, and new ones too.
    CutDatabase,
    /// What a process and its database send each other does not arrive.
    SwallowDatabase,
    /// The server of the database ends at once, and is started again.
    StopDatabase,
}

const ANYWHERE: [Fault; 6] = [
    Fault::Kill,
    Fault::Kill,
    Fault::Restart,
    Fault::Freeze,
    Fault::CutClients,
    Fault::SwallowClients,
];
const WITH_A_SERVER: [Fault; 3] = [Fault::CutDatabase, Fault::SwallowDatabase, Fault::StopDatabase];

/// Injects each fault once before any comes twice, until the round is over; then repairs everything.
pub(super) fn happen(
    deployment: &mut Deployment,
    random: &mut Random,
    (longest, calm): (Duration, Duration),
    shared: &Shared,
    tally: &mut Tally,
) {
    let mut deck = Vec::new();
    while wait(calm / 2 + random.duration_below(calm / 2), shared) {
        if deck.is_empty() {
            deck.extend(ANYWHERE);
            if deployment.postgres.is_some() {
                deck.extend(WITH_A_SERVER);
            }
            random.shuffle(&mut deck);
        }
        let Some(fault) = deck.pop() else { return };
        let number = random.below(deployment.processes.len());
        strike(deployment, fault, number, random.duration_below(longest), tally);
    }
}

/// Waits, but not beyond the end of the round. Returns whether the round continues.
fn wait(time: Duration, shared: &Shared) -> bool {
    let start = Instant::now();
    while start.elapsed() < time && !shared.is_over() {
        sleep(Duration::from_millis(5));
    }
    !shared.is_over()
}

fn strike(
    deployment: &mut Deployment,
    fault: Fault,
    number: usize,
    lasts: Duration,
    tally: &mut Tally,
) {
    let process = &mut deployment.processes[number];
    match fault {
        Fault::Kill => {
            tally.kills += 1;
            process.server.kill9();
            tally.violations.extend(process.complaint());
            sleep(lasts / 4);
            deployment.restart(number);
        }
        Fault::Restart => {
            tally.restarts += 1;
            process.server.terminate();
            let code = process.server.wait();
            assert_eq!(code, Some(0), "it ends in order:\n{}", process.server.log());
            tally.violations.extend(process.complaint());
            deployment.restart(number);
        }
        Fault::Freeze => {
            tally.freezes += 1;
            process.server.freeze();
            sleep(lasts);
            process.server.thaw();
        }
        Fault::CutClients => {
            tally.cuts += 1;
            process.front.close();
            sleep(lasts / 4);
            process.front.reopen();
        }
        Fault::SwallowClients => {
            tally.cuts += 1;
            process.front.black_hole();
            sleep(lasts);
            process.front.restore();
        }
        Fault::CutDatabase | Fault::SwallowDatabase => {
            let Some(back) = &process.back else { return };
            tally.cuts += 1;
            if matches!(fault, Fault::CutDatabase) {
                back.close();
                sleep(lasts / 4);
                back.reopen();
            } else {
                back.black_hole();
                sleep(lasts);
                back.restore();
            }
        }
        Fault::StopDatabase => {
            let Some(postgres) = &mut deployment.postgres else { return };
            tally.stops += 1;
            postgres.stop(true);
            sleep(lasts / 4);
            postgres.start();
        }
    }
}
