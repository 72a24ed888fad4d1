//! What goes wrong meanwhile: one thing after the other, each mended before the next.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::chance::Chance;
use super::site::Site;
use super::{Shared, Tally};

/// What may happen.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// A process is killed where it stands.
    Kill,
    /// A process is asked to end, and started again.
    Restart,
    /// A process stops, and goes on when its clients may have given it up.
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

/// Lets all there is happen once before anything happens twice, until the round is over; in the end
/// all is mended.
pub(super) fn happen(
    site: &mut Site,
    chance: &mut Chance,
    (longest, calm): (Duration, Duration),
    shared: &Shared,
    tally: &mut Tally,
) {
    let mut deck = Vec::new();
    while wait(calm / 2 + chance.up_to(calm / 2), shared) {
        if deck.is_empty() {
            deck.extend(ANYWHERE);
            if site.postgres.is_some() {
                deck.extend(WITH_A_SERVER);
            }
            chance.shuffle(&mut deck);
        }
        let Some(fault) = deck.pop() else { return };
        let number = chance.below(site.processes.len());
        strike(site, fault, number, chance.up_to(longest), tally);
    }
}

/// Waits so long, but not beyond the end of the round; whether it goes on.
fn wait(time: Duration, shared: &Shared) -> bool {
    let start = Instant::now();
    while start.elapsed() < time && !shared.is_over() {
        sleep(Duration::from_millis(5));
    }
    !shared.is_over()
}

fn strike(site: &mut Site, fault: Fault, number: usize, lasts: Duration, tally: &mut Tally) {
    let process = &mut site.processes[number];
    match fault {
        Fault::Kill => {
            tally.kills += 1;
            process.server.kill9();
            tally.violations.extend(process.complaint());
            sleep(lasts / 4);
            site.restart(number);
        }
        Fault::Restart => {
            tally.restarts += 1;
            process.server.terminate();
            let code = process.server.wait();
            assert_eq!(code, Some(0), "it ends in order:\n{}", process.server.log());
            tally.violations.extend(process.complaint());
            site.restart(number);
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
            process.front.swallow();
            sleep(lasts);
            process.front.heal();
        }
        Fault::CutDatabase | Fault::SwallowDatabase => {
            let Some(back) = &process.back else { return };
            tally.cuts += 1;
            if matches!(fault, Fault::CutDatabase) {
                back.close();
                sleep(lasts / 4);
                back.reopen();
            } else {
                back.swallow();
                sleep(lasts);
                back.heal();
            }
        }
        Fault::StopDatabase => {
            let Some(postgres) = &mut site.postgres else { return };
            tally.stops += 1;
            postgres.stop(true);
            sleep(lasts / 4);
            postgres.start();
        }
    }
}
