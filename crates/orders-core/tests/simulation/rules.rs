//! What a run must never show, and what is counted of it.

/// What a run must never show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// Two orders of a calendar, of different groups, within the window.
    TooClose,
    /// Sequences that are not 1, 2, 3, … in the order of commits.
    Sequence,
    /// A change that does not follow from the state before it.
    LostUpdate,
    /// What was told failed was done.
    DoneAfterFailed,
    /// What was asked for once was done twice.
    DoneTwice,
    /// What was refused was done.
    DoneButRefused,
    /// What was acknowledged is not there.
    Missing,
    /// A key was used for two.
    KeyTwice,
    /// A repeat that was not answered as the first time.
    WrongRepeat,
    /// A refusal that nothing justified between the request and its answer.
    Unjustified,
    /// Orders, places and events that do not agree.
    Torn,
    /// What nobody asked for, or only as a dry run, was done.
    Unasked,
    /// Somebody is never answered.
    Stuck,
}

/// How often what has happened.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) steps: u64,
    pub(crate) commits: u64,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) repeated: u64,
    pub(crate) failed: u64,
    pub(crate) unknown: u64,
    pub(crate) faults: u64,
}

impl Figures {
    pub(crate) fn add(&mut self, other: &Self) {
        let Self { steps, commits, accepted, refused, repeated, failed, unknown, faults } = other;
        self.steps += steps;
        self.commits += commits;
        self.accepted += accepted;
        self.refused += refused;
        self.repeated += repeated;
        self.failed += failed;
        self.unknown += unknown;
        self.faults += faults;
    }
}
