//! What can be switched in a run: faults, constraints, and what the service must not leave out.

/// What is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Knobs {
    /// Processes die, sessions are lost, statements fail, strays write.
    pub(crate) faults: bool,
    /// The constraints of the database.
    pub(crate) backstop: bool,
    /// What is done wrongly.
    pub(crate) sabotage: Option<Sabotage>,
}

/// A mistake that the simulation has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// The lock is always granted.
    NoLock,
    /// What is judged by is read before the lock is had.
    EarlySnapshot,
    /// Callers are answered before the commit.
    EarlyAnswer,
    /// Commits even if a caller has cancelled its command.
    NoTicket,
    /// What was remembered counts though somebody else has written.
    StaleMemory,
    /// A commit that was not answered counts as one that did not take place.
    NoFate,
    /// The fate of a commit is looked up without the lock.
    HastyFate,
    /// Answers are not kept under their keys.
    NoAnswers,
}

impl Knobs {
    /// The service as it is meant to be, on a database that fails.
    pub(crate) const SOUND: Self = Self { faults: true, backstop: true, sabotage: None };

    /// Without the constraints, which would hide some mistakes.
    pub(crate) const BARE: Self = Self { backstop: false, ..Self::SOUND };

    /// The same with a mistake.
    pub(crate) fn with(self, sabotage: Sabotage) -> Self {
        Self { sabotage: Some(sabotage), ..self }
    }

    pub(crate) fn has(self, sabotage: Sabotage) -> bool {
        self.sabotage == Some(sabotage)
    }
}
