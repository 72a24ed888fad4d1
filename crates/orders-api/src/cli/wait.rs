//! Waiting for the store in commands, which have nothing else to do meanwhile.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use orders_db::{Reply, StoreError, Ticket};

/// How long a command may take: setting a policy looks at every order.
const PATIENCE: Duration = Duration::from_hours(1);

/// Queues a write and blocks until it is answered.
pub(crate) fn wait<T: Send + 'static>(
    queue: impl FnOnce(Instant, Reply<T>) -> Ticket,
) -> Result<T, StoreError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    // Where nobody waits any more, the answer is not needed.
    queue(Instant::now() + PATIENCE, Box::new(move |answer| drop(sender.send(answer))));
    receiver.recv().unwrap_or(Err(StoreError::OutcomeUnknown))
}
