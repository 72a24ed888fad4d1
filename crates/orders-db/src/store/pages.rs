//! The lane of pages of orders: threads that are awake for who asks for one after the other, and that
//! share the connections of a pool with all other questions. Who waits for the same page is answered
//! by the same look at the database.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use r2d2::Pool;

use super::reads::read;
use crate::StoreError;
use crate::connection::Manager;
use crate::database::metrics::StoreMetrics;
use crate::lane::{Lane, Weigh};
use crate::orders::{self, OrderPage, OrderQuery};

/// The most who are answered by one look.
const MOST: usize = 64;

/// What a caller is answered with. Called once, from the lane's thread.
pub type PageReply = Box<dyn FnOnce(Result<&OrderPage, StoreError>) + Send>;

pub(super) struct PageJob {
    pub(super) query: OrderQuery,
    pub(super) limit: usize,
    pub(super) deadline: Instant,
    pub(super) reply: PageReply,
}

impl Weigh for PageJob {
    fn weight(&self) -> usize {
        1
    }
}

/// Takes one job after the other, each with those behind it that ask the same, until the lane is closed.
pub(super) fn run(lane: &Arc<Lane<PageJob>>, pool: &Pool<Manager>, metrics: &StoreMetrics) {
    while let Some(mut jobs) = lane.take(1) {
        let Some(PageJob { query, limit, .. }) = jobs.first() else { continue };
        let same = lane.take_more(MOST, |next| next.query == *query && next.limit == *limit);
        jobs.extend(same);
        // Those whose time is over have been answered that they came too late.
        jobs.retain(|job| Instant::now() < job.deadline);
        // One page that trips over a fault of ours must not end the thread for all others.
        let work = AssertUnwindSafe(|| answer(jobs, pool, metrics));
        if catch_unwind(work).is_err() {
            log::error!("a thread that reads pages panicked; who waited for this page has none");
        }
    }
}

fn answer(jobs: Vec<PageJob>, pool: &Pool<Manager>, metrics: &StoreMetrics) {
    let Some(PageJob { query, limit, .. }) = jobs.first() else { return };
    let page = read(pool, metrics, |connection| orders::list(connection, query, *limit));
    for job in jobs {
        (job.reply)(page.as_ref().map_err(StoreError::clone));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::super::reads;
    use super::*;
    use crate::database::url::DatabaseUrl;
    use crate::orders::OrderSort;

    #[test]
    fn who_asks_the_same_is_answered_by_one_look_and_who_asks_too_late_by_none() {
        let dir = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::parse(dir.path().join("orders.db").to_str().unwrap()).unwrap();
        crate::migrate(&url).unwrap();
        let lane = Arc::new(Lane::new(10));
        let (sender, answers) = mpsc::channel();
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_mins(1));
        let latest = OrderSort { descending: true, ..OrderSort::default() };
        for (name, sort, limit, deadline) in [
            ("first", OrderSort::default(), 10, later),
            ("same", OrderSort::default(), 10, later),
            ("late", OrderSort::default(), 10, now),
            ("longer", OrderSort::default(), 20, later),
            ("other", latest, 20, later),
        ] {
            let sender = sender.clone();
            let reply: PageReply = Box::new(move |page| {
                sender.send((name, std::ptr::from_ref(page.unwrap()).addr())).unwrap();
            });
            let query = OrderQuery { sort, ..OrderQuery::default() };
            assert!(lane.push(PageJob { query, limit, deadline, reply }).is_ok());
        }
        drop(sender);
        lane.close();
        run(&lane, &reads::pool(&url, 1).unwrap(), &StoreMetrics::default());
        let answers: Vec<_> = answers.iter().collect();
        let names: Vec<_> = answers.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["first", "same", "longer", "other"]);
        assert_eq!(answers[0].1, answers[1].1, "it is the same page");
        let sizes = lane.read("list").sizes;
        assert_eq!(sizes.count, 4, "three looks, one of them for one more: {sizes:?}");
    }
}
