//! A simulation of the decision path: many processes take the lock, load, decide, write, commit and
//! answer in interleaved steps over a model of each database, and die, lose their sessions and are
//! asked again in between. All chance comes from a seed, so every run can be repeated:
//!
//! ```sh
//! ORDERS_SIMULATION_SEED=17 cargo test -p orders-core --test simulation no_rule -- --nocapture
//! ORDERS_SIMULATION_STEPS=1000000 cargo test --release -p orders-core --test simulation no_rule -- --nocapture
//! ```
//!
//! What decides is `orders_core` itself. What drives it is modelled after the write lane of
//! `orders-db`, step by step; each thing that must not be left out there can be left out here, and a
//! test shows that the simulation notices.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail, and says what it has tried"
)]

mod client;
mod database;
mod dice;
mod justice;
mod knobs;
mod ledger;
mod process;
mod rules;
mod tables;
mod world;

use std::env;
use std::time::Instant;

use database::Kind;
use knobs::{Knobs, Sabotage};
use rules::{Figures, Rule};

/// Steps of one run, before it is brought to rest.
const STEPS: u64 = 1_000;
/// Steps of all runs of one kind, unless `ORDERS_SIMULATION_STEPS` says otherwise.
const ALL_STEPS: u64 = 100_000;
/// By how many seeds a sabotage has to be found.
const SEEDS: u64 = 100;

#[expect(clippy::disallowed_methods, reason = "a test that is repeated by hand")]
fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Runs seed after seed, and panics at the first violation.
fn find_nothing(kind: Kind, knobs: Knobs) {
    let seeds = match number("ORDERS_SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ORDERS_SIMULATION_STEPS").unwrap_or(ALL_STEPS).div_ceil(STEPS),
    };
    let start = Instant::now();
    let mut all = Figures::default();
    for seed in seeds.clone() {
        let ledger = world::run(seed, kind, knobs, STEPS);
        assert!(
            ledger.violations.is_empty(),
            "seed {seed}, {kind:?}: {:#?}\nAgain: ORDERS_SIMULATION_SEED={seed} cargo test -p orders-core --test simulation no_rule",
            ledger.violations
        );
        all.add(&ledger.figures);
    }
    println!("{kind:?}, seeds {seeds:?}, {:.1?}: {all:?}", start.elapsed());
    assert!(all.commits > 0 && all.refused > 0, "something happened");
}

#[test]
fn no_rule_is_broken_on_sqlite_whatever_is_interleaved_and_dies() {
    find_nothing(Kind::Sqlite, Knobs::SOUND);
}

#[test]
fn no_rule_is_broken_on_postgres_whatever_is_interleaved_and_dies() {
    find_nothing(Kind::Postgres, Knobs::SOUND);
}

#[test]
fn no_rule_is_broken_on_sqlite_without_the_constraints() {
    find_nothing(Kind::Sqlite, Knobs::BARE);
}

#[test]
fn no_rule_is_broken_on_postgres_without_the_constraints() {
    find_nothing(Kind::Postgres, Knobs::BARE);
}

#[test]
fn a_seed_repeats_a_run() {
    let run = || format!("{:?}", world::run(7, Kind::Postgres, Knobs::SOUND, STEPS).figures);
    assert_eq!(run(), run());
}

/// Runs seed after seed until one shows that a rule is broken.
fn find(expected: Rule, kinds: &[Kind], knobs: Knobs) {
    for kind in kinds {
        let breaks = |seed: &u64| {
            let violations = world::run(*seed, *kind, knobs, STEPS).violations;
            violations.iter().any(|(rule, _)| *rule == expected)
        };
        let seed = (0..SEEDS).find(breaks);
        println!("{kind:?}: {expected:?} by seed {seed:?}");
        assert!(seed.is_some(), "{kind:?}: no {expected:?} by {SEEDS} seeds");
    }
}

const BOTH: &[Kind] = &[Kind::Sqlite, Kind::Postgres];
const POSTGRES: &[Kind] = &[Kind::Postgres];

#[test]
fn a_lock_that_is_left_out_is_noticed() {
    let knobs = Knobs::BARE.with(Sabotage::NoLock);
    find(Rule::TooClose, BOTH, knobs);
    find(Rule::LostUpdate, BOTH, knobs);
    find(Rule::Sequence, BOTH, knobs);
}

#[test]
fn the_constraints_refuse_what_a_lock_that_is_left_out_lets_through() {
    let knobs = Knobs::SOUND.with(Sabotage::NoLock);
    for seed in 0..SEEDS / 4 {
        for kind in BOTH {
            let violations = world::run(seed, *kind, knobs, STEPS).violations;
            assert!(violations.iter().all(|(rule, _)| *rule != Rule::TooClose), "seed {seed}");
        }
    }
}

#[test]
fn a_snapshot_that_was_read_before_the_lock_is_noticed() {
    find(Rule::TooClose, BOTH, Knobs::BARE.with(Sabotage::EarlySnapshot));
}

#[test]
fn an_answer_before_the_commit_is_noticed() {
    find(Rule::Missing, BOTH, Knobs::SOUND.with(Sabotage::EarlyAnswer));
}

#[test]
fn a_commit_of_what_was_given_up_is_noticed() {
    find(Rule::DoneAfterFailed, BOTH, Knobs::SOUND.with(Sabotage::NoTicket));
}

#[test]
fn a_memory_that_outlives_the_writes_of_others_is_noticed() {
    let knobs = Knobs::BARE.with(Sabotage::StaleMemory);
    find(Rule::TooClose, BOTH, knobs);
    find(Rule::Unjustified, BOTH, knobs);
}

#[test]
fn a_commit_whose_fate_is_not_looked_up_is_noticed() {
    find(Rule::DoneAfterFailed, BOTH, Knobs::SOUND.with(Sabotage::NoFate));
}

#[test]
fn a_fate_that_is_looked_up_without_the_lock_is_noticed() {
    find(Rule::DoneAfterFailed, POSTGRES, Knobs::SOUND.with(Sabotage::HastyFate));
}

#[test]
fn an_answer_that_is_not_kept_with_its_write_is_noticed() {
    find(Rule::Missing, BOTH, Knobs::SOUND.with(Sabotage::NoAnswers));
}
