//! Bounded work queues. A thread takes all jobs that wait at the same time.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::StoreError;
use crate::database::metrics::{QueueMetrics, QueueSnapshot};

/// Receives a result for a caller. Called once, from a thread of the queue.
pub type Reply<T> = Box<dyn FnOnce(Result<T, StoreError>) + Send>;

/// A job, with how much of the queue's room it takes.
pub(crate) trait Weigh {
    fn weight(&self) -> usize;
}

/// A bounded queue of jobs.
pub(crate) struct WorkQueue<J> {
    waiting: Mutex<Waiting<J>>,
    arrived: Condvar,
    room: usize,
    metrics: QueueMetrics,
}

struct Waiting<J> {
    /// Each with the time of its arrival.
    jobs: VecDeque<(J, Instant)>,
    weight: usize,
    closed: bool,
}

impl<J: Weigh> Waiting<J> {
    /// Takes jobs from the front while `fits` accepts the total weight, with the next job, and that job.
    fn take_while(&mut self, fits: impl Fn(usize, &J) -> bool) -> Vec<(J, Instant)> {
        let mut taken = Vec::new();
        let mut weight = 0;
        while let Some((next, _)) = self.jobs.front()
            && fits(weight + next.weight(), next)
        {
            weight += next.weight();
            taken.extend(self.jobs.pop_front());
        }
        self.weight -= weight;
        taken
    }
}

impl<J: Weigh> WorkQueue<J> {
    /// Creates an empty queue with room for jobs up to a weight.
    pub(crate) fn new(room: usize) -> Self {
        let waiting = Waiting { jobs: VecDeque::new(), weight: 0, closed: false };
        let (waiting, arrived) = (Mutex::new(waiting), Condvar::new());
        Self { waiting, arrived, room, metrics: QueueMetrics::default() }
    }

    /// Queues a job, or returns it if the queue is full. An empty queue takes any job.
    pub(crate) fn push(&self, job: J) -> Result<(), J> {
        let now = Instant::now();
        let mut waiting = self.lock();
        let full = waiting.weight > 0 && waiting.weight + job.weight() > self.room;
        if full || waiting.closed {
            return Err(job);
        }
        waiting.weight += job.weight();
        waiting.jobs.push_back((job, now));
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for jobs and takes those that are there, up to a weight, but at least one. Returns `None`
    /// once the queue is closed and empty.
    pub(crate) fn take(&self, most: usize) -> Option<Vec<J>> {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let taken = waiting.take_while(|weight, job| weight == job.weight() || weight <= most);
        drop(waiting);
        Some(self.count(taken))
    }

    /// Takes the jobs at the front that `fits` accepts, up to a weight. Does not wait.
    pub(crate) fn take_more(&self, most: usize, fits: impl Fn(&J) -> bool) -> Vec<J> {
        let taken = self.lock().take_while(|weight, job| weight <= most && fits(job));
        self.count(taken)
    }

    /// Counts jobs that were taken, outside the lock.
    fn count(&self, taken: Vec<(J, Instant)>) -> Vec<J> {
        if taken.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        let mut weight = 0;
        let counted = taken.into_iter().map(|(job, came)| {
            weight += job.weight();
            self.metrics.record_wait(now.saturating_duration_since(came));
            job
        });
        let jobs = counted.collect();
        self.metrics.record_taken(weight);
        jobs
    }

    /// Returns the state of the queue, and the counts so far.
    pub(crate) fn read(&self, name: &'static str) -> QueueSnapshot {
        let waiting = self.lock().weight;
        let (sizes, waits) = (self.metrics.sizes(), self.metrics.waits());
        QueueSnapshot { name, waiting, room: self.room, sizes, waits }
    }

    /// Closes the queue to new jobs. Jobs that wait are still executed.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        // Nothing panics while it holds this lock, so a poisoned one is consistent.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weigh for usize {
        fn weight(&self) -> usize {
            *self
        }
    }

    #[test]
    fn a_full_queue_gives_the_job_back_and_an_empty_one_takes_any() {
        let queue = WorkQueue::new(10);
        assert_eq!(queue.push(25), Ok(()));
        assert_eq!(queue.push(1), Err(1));
        assert_eq!(queue.take(5), Some(vec![25]));
        assert_eq!((queue.push(6), queue.push(4), queue.push(1)), (Ok(()), Ok(()), Err(1)));
    }

    #[test]
    fn all_that_waits_is_taken_up_to_the_weight_and_in_order() {
        let queue = WorkQueue::new(100);
        for job in [2, 3, 4, 50] {
            queue.push(job).unwrap();
        }
        assert_eq!(queue.take(8), Some(vec![2, 3]));
        assert_eq!(queue.take(8), Some(vec![4]));
        queue.close();
        assert_eq!(queue.push(1), Err(1));
        assert_eq!(queue.take(8), Some(vec![50]));
        assert_eq!(queue.take(8), None);
    }
}
