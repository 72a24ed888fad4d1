//! Waiting for the database awake. To be woken takes a thread as long as many a query takes, so who is
//! alone looks for his answer for a moment before he sleeps.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use actix_rt::time::timeout;
use tokio::task;
use tokio::time::error::Elapsed;

/// How long a thread stays awake for an answer. Others who want the processor have it.
const LINGER: Duration = Duration::from_micros(500);
/// How many must have been alone before. With many clients a thread has one request now and then, too.
const LATELY: u32 = 16;

thread_local! {
    static CROWD: Crowd = const { Crowd::none() };
}

/// The requests of a thread that wait for the database.
struct Crowd {
    number: Cell<usize>,
    /// How often a request came and went without meeting another, since two last met.
    alone: Cell<u32>,
}

impl Crowd {
    const fn none() -> Self {
        Self { number: Cell::new(0), alone: Cell::new(0) }
    }

    fn come(&self) {
        if self.number.get() > 0 {
            self.alone.set(0);
        }
        self.number.set(self.number.get() + 1);
    }

    fn go(&self) {
        self.number.set(self.number.get() - 1);
        if self.number.get() == 0 {
            self.alone.set(self.alone.get().saturating_add(1));
        }
    }

    /// Whether there is one, who is as alone as all that came lately.
    fn is_one_alone(&self) -> bool {
        self.number.get() == 1 && self.alone.get() >= LATELY
    }
}

/// A request that waits, until dropped.
struct Waiting;

impl Waiting {
    fn begin() -> Self {
        CROWD.with(Crowd::come);
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        CROWD.with(Crowd::go);
    }
}

/// Waits for an answer for so long at most. The thread of a request that is alone stays awake at first;
/// where requests meet it sleeps, and is woken for all at once.
///
/// # Errors
/// [`Elapsed`] if there was none in time.
pub(crate) async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = T>,
) -> Result<T, Elapsed> {
    let _waiting = Waiting::begin();
    let mut answer = pin!(answer);
    let begun = Instant::now();
    while CROWD.with(Crowd::is_one_alone) && begun.elapsed() < LINGER {
        let now = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
        if let Poll::Ready(answer) = now {
            return Ok(answer);
        }
        thread::yield_now();
        task::yield_now().await;
    }
    timeout(patience.saturating_sub(begun.elapsed()), answer).await
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use actix_rt::time::sleep;

    use super::*;

    fn come_alone_often() {
        (0..LATELY).for_each(|_| drop(Waiting::begin()));
    }

    #[actix_rt::test]
    async fn an_answer_is_found_while_awake_and_while_asleep_and_its_absence_told_in_time() {
        come_alone_often();
        let long = Duration::from_mins(1);
        assert_eq!(within(long, ready(1)).await, Ok(1));
        let late = async {
            sleep(LINGER * 4).await;
            2
        };
        assert_eq!(within(long, late).await, Ok(2));
        let begun = Instant::now();
        assert!(within(LINGER * 2, pending::<()>()).await.is_err());
        assert!(begun.elapsed() >= LINGER * 2);
    }

    #[test]
    fn a_thread_sleeps_once_requests_have_met_until_many_came_alone() {
        let stays_awake = || CROWD.with(Crowd::is_one_alone);
        come_alone_often();
        let first = Waiting::begin();
        assert!(stays_awake());
        let second = Waiting::begin();
        drop((first, second));
        let after = Waiting::begin();
        assert!(!stays_awake());
        drop(after);
        come_alone_often();
        let _later = Waiting::begin();
        assert!(stays_awake());
    }

    #[actix_rt::test]
    async fn who_gives_up_is_no_longer_counted() {
        come_alone_often();
        let gone = within(Duration::from_mins(1), pending::<()>());
        assert!(timeout(LINGER * 2, gone).await.is_err());
        assert_eq!(CROWD.with(|crowd| crowd.number.get()), 0);
    }
}
