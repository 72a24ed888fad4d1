//! The state of a connection, shared by its stream and the requests that arrive on it.

use std::cell::Cell;
use std::rc::Rc;

/// The phase of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No byte of the next request has arrived. The HTTP library's own timers apply.
    Idle,
    /// The head of a request is arriving.
    Head,
    /// A request is being read and processed.
    Busy,
    /// A response is being written. Bytes that arrive now belong to the next request.
    Responding,
}

/// The state of a connection. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionState(Rc<Cells>);

#[derive(Debug)]
struct Cells {
    phase: Cell<Phase>,
    closed_by_client: Cell<bool>,
    aborted: Cell<bool>,
}

impl ConnectionState {
    pub(crate) fn new() -> Self {
        Self(Rc::new(Cells {
            phase: Cell::new(Phase::Idle),
            closed_by_client: Cell::new(false),
            aborted: Cell::new(false),
        }))
    }

    pub(crate) fn phase(&self) -> Phase {
        self.0.phase.get()
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.0.phase.set(phase);
    }

    /// Makes the connection end with a reset: the only sign of an incomplete response where neither a
    /// length nor a last chunk shows its end.
    pub(crate) fn abort(&self) {
        self.0.aborted.set(true);
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.0.aborted.get()
    }

    /// Records whether the last read reached the end of what the client sends.
    pub(crate) fn set_closed_by_client(&self, closed: bool) {
        self.0.closed_by_client.set(closed);
    }

    /// Whether the client has closed its side. A reader of an endless response leaves this way.
    pub(crate) fn is_closed_by_client(&self) -> bool {
        self.0.closed_by_client.get()
    }
}
