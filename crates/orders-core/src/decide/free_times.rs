//! Searches for the nearest times at which an order would be accepted.

use std::iter::Peekable;
use std::ops::ControlFlow;

use super::needs::Needs;
use super::occupants::{Occupant, Reach, Span};
use super::spacing::Candidate;
use super::state::State;
use crate::policy::CalendarId;
use crate::time::{Direction, Period, Timestamp};

/// How many occupied intervals a search passes.
const MAX_INTERVALS: usize = 1_000;
/// How many further occupants the first load of a search asks for.
const FIRST_LOOK: usize = 8;

/// The nearest time, in one direction, at which the order would be accepted; `None` if there is none
/// within 366 days or 1 000 occupied intervals. Passes each occupant once, in order.
pub(crate) fn nearest_free(
    state: &State<'_>,
    candidate: &Candidate<'_>,
    direction: Direction,
) -> Result<Option<Timestamp>, Needs> {
    let asked = candidate.order.content.datetime;
    let targets: Vec<Target> = candidate
        .slots
        .iter()
        .map(|slot| Target {
            calendar: slot.calendar,
            length_ms: slot.interval.length_ms(),
            longest_ms: state.policy.longest_slot_ms(slot.calendar),
            edge: state.loaded_up_to(slot.calendar, asked, direction),
        })
        .collect();
    let mut scan = Scan::new(asked, candidate, &targets, direction);
    if let ControlFlow::Break(found) = scan.along(state) {
        return Ok(found);
    }
    let Scan { at, met, .. } = scan;
    let mut needs = Needs::default();
    for target in &targets {
        let missing = match target.edge {
            Some(edge) if direction.ahead(target.last_start(at, direction), edge) >= 0 => continue,
            Some(edge) => further(state, target, direction, edge, met),
            None => Span::around(
                state.policy,
                target.calendar,
                state.policy.interval(target.calendar, asked),
            ),
        };
        needs.spans.insert(missing);
    }
    if needs.is_empty() { Ok(Some(at)) } else { Err(needs) }
}

/// The span to load beyond the loaded part of a calendar. It grows with each load: a short search
/// loads little, a long one loads rarely. Occupants at the place where the last list was cut count
/// too, so that the next list gets past them. Its start depends on the edge only, so that one load
/// serves all searches across it.
fn further(
    state: &State<'_>,
    target: &Target,
    direction: Direction,
    edge: Timestamp,
    met: usize,
) -> Span {
    let far = direction.end_of_time();
    let start = direction.next(edge).unwrap_or(far);
    let window = state.policy.window_of(target.calendar);
    let cut = direction.ordered(start, direction.saturating_step(start, window));
    let cut = state.count_loaded(target.calendar, cut);
    let most = FIRST_LOOK * (1 + cut) + (FIRST_LOOK * met).min(MAX_INTERVALS);
    let (from, to) = direction.ordered(start, far);
    Span { calendar: target.calendar, from, to, reach: Reach::nearest(direction, most) }
}

/// A calendar that the order needs a slot in.
struct Target {
    calendar: CalendarId,
    /// The length of the order's slot.
    length_ms: i64,
    /// The length of the longest slot.
    longest_ms: i64,
    /// How far the calendar is loaded, from the order's own time on.
    edge: Option<Timestamp>,
}

impl Target {
    /// The furthest start of a slot that could overlap the order's slot at `at`.
    fn last_start(&self, at: Timestamp, direction: Direction) -> Timestamp {
        Timestamp::saturating_from_millis(match direction {
            Direction::Later => at.as_millis() + self.length_ms - 1,
            Direction::Earlier => at.as_millis() - self.longest_ms + 1,
        })
    }
}

/// A scan from the requested time past one occupant after the other.
///
/// An occupant blocks the times strictly between `start - length` and `end`, where `length` is the
/// length of the order's own slot. The scan visits the occupants of all calendars in the order of
/// `start - length`. In this order, no occupant that was passed can block a later time of the scan.
struct Scan<'c> {
    candidate: &'c Candidate<'c>,
    targets: &'c [Target],
    direction: Direction,
    asked: Timestamp,
    horizon: Timestamp,
    /// How far after `start - length` an occupant can block a time.
    reach_ms: i64,
    /// The first time that may still be free.
    at: Timestamp,
    /// The number of occupants visited.
    met: usize,
    /// The number of occupied intervals passed.
    passed: usize,
}

impl<'c> Scan<'c> {
    fn new(
        asked: Timestamp,
        candidate: &'c Candidate<'c>,
        targets: &'c [Target],
        direction: Direction,
    ) -> Self {
        let horizon = direction.saturating_step(asked, Period::MAX);
        let reach = targets.iter().map(|target| target.length_ms + target.longest_ms).max();
        let reach_ms = reach.unwrap_or_default();
        Self {
            candidate,
            targets,
            direction,
            asked,
            horizon,
            reach_ms,
            at: asked,
            met: 0,
            passed: 0,
        }
    }

    /// Scans as far as every calendar is loaded. Breaks with a free time, or with `None` if none is
    /// near enough.
    fn along(&mut self, state: &State<'_>) -> ControlFlow<Option<Timestamp>> {
        let direction = self.direction;
        let known = self.targets.iter().map(|target| {
            let edge = target.edge.unwrap_or(self.asked);
            edge.as_millis() - target.length_ms
        });
        let known_ms = match direction {
            Direction::Later => known.min(),
            Direction::Earlier => known.max(),
        };
        let Some(known_ms) = known_ms else { return ControlFlow::Continue(()) };
        let sources = self.targets.iter().flat_map(|target| {
            let back = match direction {
                Direction::Later => Direction::Earlier,
                Direction::Earlier => Direction::Later,
            };
            let near = target.last_start(self.asked, back);
            let far = Timestamp::saturating_from_millis(known_ms + target.length_ms);
            let (from, to) = direction.ordered(near, far);
            let sources = state.sources(target.calendar, from, to, direction);
            sources.map(|source| (target.length_ms, source.peekable()))
        });
        let mut sources: Vec<_> = sources.collect();
        // The most common case needs no merge.
        if let [(length_ms, only)] = sources.as_mut_slice() {
            return only.try_for_each(|occupant| self.pass(*length_ms, occupant));
        }
        Merged { sources, direction }
            .try_for_each(|(length_ms, occupant)| self.pass(length_ms, occupant))
    }

    /// Passes one occupant of a calendar in which the order's slot has this length.
    fn pass(&mut self, length_ms: i64, occupant: &Occupant) -> ControlFlow<Option<Timestamp>> {
        let at_ms = self.at.as_millis();
        let before_ms = occupant.start().as_millis() - length_ms;
        let after_ms = occupant.interval.end_ms();
        self.met += 1;
        let (is_beyond, end_ms) = match self.direction {
            Direction::Later => (before_ms >= at_ms, after_ms),
            Direction::Earlier => (before_ms + self.reach_ms <= at_ms, before_ms),
        };
        if is_beyond {
            return ControlFlow::Break(Some(self.at));
        }
        let rules_out = before_ms < at_ms && at_ms < after_ms;
        if !rules_out || self.candidate.is_exempt_from(&occupant.order_id, occupant.group) {
            return ControlFlow::Continue(());
        }
        match Timestamp::from_millis(end_ms) {
            Some(end)
                if self.direction.ahead(end, self.horizon) >= 0 && self.passed < MAX_INTERVALS =>
            {
                self.passed += 1;
                self.at = end;
                ControlFlow::Continue(())
            }
            Some(_) | None => ControlFlow::Break(None),
        }
    }
}

type Source<'s> = (i64, Peekable<Box<dyn Iterator<Item = &'s Occupant> + 's>>);

/// The occupants of several calendars in the order of the scan, each with the length of the order's
/// slot in its calendar.
struct Merged<'s> {
    sources: Vec<Source<'s>>,
    direction: Direction,
}

impl<'s> Iterator for Merged<'s> {
    type Item = (i64, &'s Occupant);

    fn next(&mut self) -> Option<(i64, &'s Occupant)> {
        let direction = self.direction;
        let distance = |(length_ms, source): &mut Source<'s>| {
            source.peek().map_or(i64::MAX, |occupant| {
                let before_ms = occupant.start().as_millis() - *length_ms;
                match direction {
                    Direction::Later => before_ms,
                    Direction::Earlier => -before_ms,
                }
            })
        };
        let heads = self.sources.iter_mut().enumerate();
        let (_, first) = heads.map(|(place, source)| (distance(source), place)).min()?;
        let (length_ms, source) = self.sources.get_mut(first)?;
        source.next().map(|occupant| (*length_ms, occupant))
    }
}
