//! Blocking calls to the store, for commands.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use orders_db::{Reply, StoreError, Ticket};

/// The timeout of a command. Setting a policy reads every order.
const TIMEOUT: Duration = Duration::from_hours(1);

/// Queues a write and blocks until its result.
pub(crate) fn wait<T: Send + 'static>(
    queue: impl FnOnce(Instant, Reply<T>) -> Ticket,
) -> Result<T, StoreError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    // A caller that is gone needs no result.
    queue(Instant::now() + TIMEOUT, Box::new(move |answer| drop(sender.send(answer))));
    receiver.recv().unwrap_or(Err(StoreError::OutcomeUnknown))
}
