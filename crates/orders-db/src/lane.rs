//! Lanes: bounded queues, each emptied by threads of its own that take what waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::StoreError;
use crate::meter::{LaneMeter, LaneReading};

/// How long a thread looks at its lane before it sleeps: a caller who is alone often asks again at once,
/// and to wake a thread takes as long as a query does. Others who want the processor have it.
const LINGER: Duration = Duration::from_micros(100);
/// Who comes this soon after the lane ran empty is not alone. Then the thread sleeps: while it is woken
/// more come, who are served together.
const SOON: Duration = Duration::from_micros(20);

/// What a caller is answered with. Called once, from a lane's thread.
pub type Reply<T> = Box<dyn FnOnce(Result<T, StoreError>) + Send>;

/// How much of a lane's room a job takes.
pub(crate) trait Weigh {
    fn weight(&self) -> usize;
}

/// A bounded queue of jobs.
pub(crate) struct Lane<J> {
    waiting: Mutex<Waiting<J>>,
    arrived: Condvar,
    /// Whether there are jobs, as it was a moment ago: only to know without the lock that it is worth
    /// a look.
    has_jobs: AtomicBool,
    /// Whether the last caller seemed to be alone.
    alone: AtomicBool,
    /// Whether a thread is awake that looks for jobs before it sleeps: no other need be woken.
    watched: AtomicBool,
    /// The threads that empty it,
    threads: usize,
    /// and how many of them have nothing to do.
    idle: AtomicUsize,
    room: usize,
    meter: LaneMeter,
}

struct Waiting<J> {
    /// With when each came.
    jobs: VecDeque<(J, Instant)>,
    weight: usize,
    closed: bool,
}

impl<J: Weigh> Waiting<J> {
    /// Takes up to a weight, one job at least.
    fn take(&mut self, most: usize) -> Vec<(J, Instant)> {
        self.take_while(|weight, job| weight == job.weight() || weight <= most)
    }

    /// Takes from the front as long as `fits` says so of the weight, with the next, and the next.
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

impl<J: Weigh> Lane<J> {
    /// One for so much, which so many threads empty.
    pub(crate) fn new(room: usize, threads: usize) -> Self {
        let waiting = Waiting { jobs: VecDeque::new(), weight: 0, closed: false };
        Self {
            waiting: Mutex::new(waiting),
            arrived: Condvar::new(),
            has_jobs: AtomicBool::new(false),
            alone: AtomicBool::new(false),
            watched: AtomicBool::new(false),
            threads,
            idle: AtomicUsize::new(0),
            room,
            meter: LaneMeter::default(),
        }
    }

    /// Queues a job, or gives it back when the lane is full. An empty lane takes any job.
    pub(crate) fn push(&self, job: J) -> Result<(), J> {
        let now = Instant::now();
        let mut waiting = self.lock();
        let full = waiting.weight > 0 && waiting.weight + job.weight() > self.room;
        if full || waiting.closed {
            return Err(job);
        }
        waiting.weight += job.weight();
        waiting.jobs.push_back((job, now));
        self.has_jobs.store(true, Ordering::Relaxed);
        let is_watched = self.watched.load(Ordering::Relaxed);
        drop(waiting);
        if !is_watched {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Takes the jobs that come within some time, up to a weight, one at least; none where none came.
    pub(crate) fn take_within(&self, patience: Duration, most: usize) -> Vec<J> {
        let ready = Instant::now();
        let waiting = self.linger(ready, patience.min(LINGER));
        let patience = patience.saturating_sub(ready.elapsed());
        let none = |waiting: &mut Waiting<J>| waiting.jobs.is_empty() && !waiting.closed;
        let (waiting, _) = self
            .arrived
            .wait_timeout_while(waiting, patience, none)
            .unwrap_or_else(PoisonError::into_inner);
        self.count(self.take_from(waiting, most, ready))
    }

    /// Waits for jobs and takes what is there, up to a weight (one job at least); `None` once the
    /// lane is closed and empty.
    pub(crate) fn take(&self, most: usize) -> Option<Vec<J>> {
        let ready = Instant::now();
        let mut waiting = self.linger(ready, LINGER);
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        Some(self.count(self.take_from(waiting, most, ready)))
    }

    /// Takes what else has come and can be done together with what was taken, up to a weight: from the
    /// front, as far as `fits` says.
    pub(crate) fn take_more(&self, most: usize, fits: impl Fn(&J) -> bool) -> Vec<J> {
        if !self.has_jobs.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut waiting = self.lock();
        let taken = waiting.take_while(|weight, job| weight <= most && fits(job));
        self.has_jobs.store(!waiting.jobs.is_empty(), Ordering::Relaxed);
        drop(waiting);
        self.count(taken)
    }

    /// Takes what is there; `ready` is since when the thread has nothing else to do.
    fn take_from(
        &self,
        mut waiting: MutexGuard<'_, Waiting<J>>,
        most: usize,
        ready: Instant,
    ) -> Vec<(J, Instant)> {
        let taken = waiting.take(most);
        let has_more = !waiting.jobs.is_empty();
        self.has_jobs.store(has_more, Ordering::Relaxed);
        if has_more {
            // Those who brought the rest may have woken nobody for it.
            self.arrived.notify_one();
        }
        let idle = self.idle.fetch_sub(1, Ordering::Relaxed);
        if let Some((_, came)) = taken.first() {
            let is_alone = taken.len() == 1
                && idle == self.threads
                && came.saturating_duration_since(ready) > SOON;
            self.alone.store(is_alone, Ordering::Relaxed);
        }
        taken
    }

    /// Stays awake for a caller who was alone, until he asks again. One thread does, and whoever comes
    /// meanwhile need not wake another: it looks once more, under the lock, before it sleeps.
    fn linger(&self, ready: Instant, patience: Duration) -> MutexGuard<'_, Waiting<J>> {
        self.idle.fetch_add(1, Ordering::Relaxed);
        let is_worth_it =
            || self.alone.load(Ordering::Relaxed) && !self.has_jobs.load(Ordering::Relaxed);
        if !is_worth_it() || self.watched.swap(true, Ordering::Relaxed) {
            return self.lock();
        }
        while is_worth_it() && ready.elapsed() < patience {
            std::thread::yield_now();
        }
        let waiting = self.lock();
        self.watched.store(false, Ordering::Relaxed);
        if waiting.jobs.is_empty() && patience >= LINGER {
            // He does something else, for which others want the processor.
            self.alone.store(false, Ordering::Relaxed);
        }
        waiting
    }

    /// Counts what was taken, without keeping those who queue waiting.
    fn count(&self, taken: Vec<(J, Instant)>) -> Vec<J> {
        if taken.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        let mut weight = 0;
        let counted = taken.into_iter().map(|(job, came)| {
            weight += job.weight();
            self.meter.waited(now.saturating_duration_since(came));
            job
        });
        let jobs = counted.collect();
        self.meter.took(weight);
        jobs
    }

    /// How it is, and what was counted so far.
    pub(crate) fn read(&self, name: &'static str) -> LaneReading {
        let waiting = self.lock().weight;
        let (sizes, waits) = (self.meter.sizes(), self.meter.waits());
        LaneReading { name, waiting, room: self.room, sizes, waits }
    }

    /// Takes no more jobs; those that wait are still done.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        // Nothing in here panics while it holds the lock, so a poisoned one is whole.
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
    fn a_full_lane_gives_the_job_back_and_an_empty_one_takes_any() {
        let lane = Lane::new(10, 1);
        assert_eq!(lane.push(25), Ok(()));
        assert_eq!(lane.push(1), Err(1));
        assert_eq!(lane.take(5), Some(vec![25]));
        assert_eq!((lane.push(6), lane.push(4), lane.push(1)), (Ok(()), Ok(()), Err(1)));
    }

    #[test]
    fn all_that_waits_is_taken_up_to_the_weight_and_in_order() {
        let lane = Lane::new(100, 1);
        for job in [2, 3, 4, 50] {
            lane.push(job).unwrap();
        }
        assert_eq!(lane.take(8), Some(vec![2, 3]));
        assert_eq!(lane.take_within(Duration::ZERO, 8), vec![4]);
        lane.close();
        assert_eq!(lane.push(1), Err(1));
        assert_eq!(lane.take(8), Some(vec![50]));
        assert_eq!((lane.take_within(Duration::from_mins(1), 8), lane.take(8)), (vec![], None));
    }
}
