//! Free times: the nearest instants at which an order would be accepted.

use std::iter::Peekable;
use std::ops::ControlFlow;

use crate::calendar::{Occupant, Span};
use crate::snapshot::Needs;
use crate::spacing::Candidate;
use crate::state::State;
use crate::way::Way;
use crate::{CalendarId, Instant, Interval, Period, Policy};

/// How many occupied stretches are passed in search of a free instant.
const STRETCHES: usize = 1_000;
/// How many occupants more are loaded, at first, in search of a free instant.
const FIRST_LOOK: usize = 8;

/// A stretch of time in which every instant is free, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its first instant.
    pub start: Instant,
    /// Its last instant; the first one too, where only one fits between two orders.
    pub end: Instant,
}

/// Finds the free stretches between two instants, in one pass over the slots of some calendars.
///
/// ```
/// use orders_core::{CalendarId, FreeStretches, Instant, Policy};
///
/// let at = |text| Instant::parse(text).unwrap();
/// let (from, to) = (at("2022-11-01T00:00:00Z"), at("2022-11-02T00:00:00Z"));
/// let (policy, calendar) = (Policy::default(), CalendarId::Global);
/// let mut free = FreeStretches::new(&policy, &[calendar], from, to);
/// let before = free.pass(policy.interval(calendar, at("2022-11-01T09:00:00Z"))).unwrap();
/// assert_eq!((before.start, before.end), (from, at("2022-11-01T06:00:00Z")));
/// let after = free.finish().unwrap();
/// assert_eq!((after.start, after.end), (at("2022-11-01T12:00:00Z"), to));
/// ```
#[derive(Debug, Clone)]
pub struct FreeStretches {
    /// How long the slots of the new order would be.
    length_ms: i64,
    /// The first instant that may be free yet, in milliseconds.
    at_ms: i64,
    to: Instant,
    /// Where the slots start that have to be passed.
    starts: (Instant, Instant),
}

impl FreeStretches {
    /// A search for the times of a new order in these calendars, from one instant to another, both
    /// included.
    #[must_use]
    pub fn new(policy: &Policy, calendars: &[CalendarId], from: Instant, to: Instant) -> Self {
        let lengths = calendars.iter().map(|id| policy.interval(*id, from).length_ms());
        let starts = |id: &CalendarId| {
            let first = policy.around(*id, policy.interval(*id, from)).from;
            (first, policy.around(*id, policy.interval(*id, to)).to)
        };
        let starts = calendars.iter().map(starts);
        let starts = starts.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
        Self {
            length_ms: lengths.max().unwrap_or_default(),
            at_ms: from.as_millis(),
            to,
            starts: starts.unwrap_or((from, to)),
        }
    }

    /// The first and the last start of the slots that have to be passed.
    #[must_use]
    pub fn starts(&self) -> (Instant, Instant) {
        self.starts
    }

    /// Passes the next slot, in the order of their starts. Answers the free stretch before it, if
    /// there is one.
    pub fn pass(&mut self, slot: Interval) -> Option<Stretch> {
        let start_ms = self.at_ms;
        self.at_ms = start_ms.max(slot.end_ms());
        // A new order that ends where the slot starts does not overlap it.
        stretch(start_ms, (slot.start().as_millis() - self.length_ms).min(self.to.as_millis()))
    }

    /// The free stretch after the last slot, if there is one.
    #[must_use]
    pub fn finish(self) -> Option<Stretch> {
        stretch(self.at_ms, self.to.as_millis())
    }
}

/// The stretch between two instants, both included, unless it is empty or outside of time.
fn stretch(start_ms: i64, end_ms: i64) -> Option<Stretch> {
    let (start, end) = (Instant::from_millis(start_ms)?, Instant::from_millis(end_ms)?);
    (start <= end).then_some(Stretch { start, end })
}

/// The nearest instant, from the order's own time on, at which it would be accepted; `None` where
/// none lies within 366 days or 1 000 occupied stretches. Passes the occupants once, in order.
pub(crate) fn nearest_free(
    state: &State<'_>,
    candidate: &Candidate<'_>,
    way: Way,
) -> Result<Option<Instant>, Needs> {
    let asked = candidate.order.content.datetime;
    let lines: Vec<Line> = candidate
        .slots
        .iter()
        .map(|slot| Line {
            calendar: slot.calendar,
            length_ms: slot.interval.length_ms(),
            longest_ms: state.policy.longest_slot_ms(slot.calendar),
            edge: state.loaded_up_to(slot.calendar, asked, way),
        })
        .collect();
    let mut walk = Walk::new(asked, candidate, &lines, way);
    if let ControlFlow::Break(found) = walk.along(state) {
        return Ok(found);
    }
    let Walk { at, met, .. } = walk;
    let mut needs = Needs::default();
    for line in &lines {
        let span = match line.edge {
            Some(edge) if way.ahead(line.last_start(at, way), edge) >= 0 => continue,
            Some(edge) => further(state, line, way, edge, met),
            None => state.policy.around(line.calendar, state.policy.interval(line.calendar, asked)),
        };
        needs.spans.insert(span);
    }
    if needs.is_empty() { Ok(Some(at)) } else { Err(needs) }
}

/// What to load of a calendar beyond what is loaded of it. More each time, so that a long run takes
/// few loads and a short one a small one. Those that stand together where a list was cut short
/// count too, so that the next list gets past them. Where it starts depends on nothing but the
/// edge, so that all who search across it are served by one load.
fn further(state: &State<'_>, line: &Line, way: Way, edge: Instant, met: usize) -> Span {
    let far = way.end_of_time();
    let start = way.next(edge).unwrap_or(far);
    let window = state.policy.window_of(line.calendar);
    let cut = way.ordered(start, way.saturating_step(start, window));
    let cut = state.count_loaded(line.calendar, cut);
    let most = FIRST_LOOK * (1 + cut) + (FIRST_LOOK * met).min(STRETCHES);
    let (from, to) = way.ordered(start, far);
    Span { calendar: line.calendar, from, to, reach: way.reach(most) }
}

/// One of the calendars that an order needs a place in.
struct Line {
    calendar: CalendarId,
    /// How long the order's slot is.
    length_ms: i64,
    /// How long the longest slot is.
    longest_ms: i64,
    /// How far the calendar is loaded, from the order's own time on.
    edge: Option<Instant>,
}

impl Line {
    /// The furthest start of a slot that could overlap the order's, were it placed at `at`.
    fn last_start(&self, at: Instant, way: Way) -> Instant {
        Instant::saturating_from_millis(match way {
            Way::Later => at.as_millis() + self.length_ms - 1,
            Way::Earlier => at.as_millis() - self.longest_ms + 1,
        })
    }
}

/// A walk from the time that was asked for past one occupant after the other.
///
/// An occupant rules out the times between `start - length` and `end`, where `length` is that of the
/// order's own slot; at these two themselves the slots touch. The walk meets occupants in the order
/// of `start - length`, whichever calendar they are in: then none that was passed can matter again.
struct Walk<'c> {
    candidate: &'c Candidate<'c>,
    lines: &'c [Line],
    way: Way,
    asked: Instant,
    horizon: Instant,
    /// How far ahead of `start - length` an occupant may still rule out a time.
    reach_ms: i64,
    /// The first instant that may be free yet.
    at: Instant,
    /// How many occupants were met.
    met: usize,
    /// How many occupied stretches were passed.
    passed: usize,
}

impl<'c> Walk<'c> {
    fn new(asked: Instant, candidate: &'c Candidate<'c>, lines: &'c [Line], way: Way) -> Self {
        let horizon = way.saturating_step(asked, Period::MAX);
        let reach = lines.iter().map(|line| line.length_ms + line.longest_ms).max();
        let reach_ms = reach.unwrap_or_default();
        Self { candidate, lines, way, asked, horizon, reach_ms, at: asked, met: 0, passed: 0 }
    }

    /// Walks past all that could rule out the order's time, and on as far as every calendar is
    /// loaded. Breaks off where it ends: at a free instant, or where none is near enough.
    fn along(&mut self, state: &State<'_>) -> ControlFlow<Option<Instant>> {
        let way = self.way;
        let known = self.lines.iter().map(|line| {
            let edge = line.edge.unwrap_or(self.asked);
            edge.as_millis() - line.length_ms
        });
        let known_ms = match way {
            Way::Later => known.min(),
            Way::Earlier => known.max(),
        };
        let Some(known_ms) = known_ms else { return ControlFlow::Continue(()) };
        let sources = self.lines.iter().flat_map(|line| {
            let back = match way {
                Way::Later => Way::Earlier,
                Way::Earlier => Way::Later,
            };
            let near = line.last_start(self.asked, back);
            let far = Instant::saturating_from_millis(known_ms + line.length_ms);
            let (from, to) = way.ordered(near, far);
            let sources = state.sources(line.calendar, from, to, way);
            sources.map(|source| (line.length_ms, source.peekable()))
        });
        let mut sources: Vec<_> = sources.collect();
        // The commonest by far, and nothing has to be compared.
        if let [(length_ms, only)] = sources.as_mut_slice() {
            return only.try_for_each(|occupant| self.pass(*length_ms, occupant));
        }
        Merged { sources, way }.try_for_each(|(length_ms, occupant)| self.pass(length_ms, occupant))
    }

    /// Passes one occupant of a calendar in which the order's slot is so long.
    fn pass(&mut self, length_ms: i64, occupant: &Occupant) -> ControlFlow<Option<Instant>> {
        let at_ms = self.at.as_millis();
        let before_ms = occupant.start().as_millis() - length_ms;
        let after_ms = occupant.interval.end_ms();
        self.met += 1;
        let (is_beyond, end_ms) = match self.way {
            Way::Later => (before_ms >= at_ms, after_ms),
            Way::Earlier => (before_ms + self.reach_ms <= at_ms, before_ms),
        };
        if is_beyond {
            return ControlFlow::Break(Some(self.at));
        }
        let rules_out = before_ms < at_ms && at_ms < after_ms;
        if !rules_out || self.candidate.is_exempt_from(&occupant.order_id, occupant.group) {
            return ControlFlow::Continue(());
        }
        match Instant::from_millis(end_ms) {
            Some(end) if self.way.ahead(end, self.horizon) >= 0 && self.passed < STRETCHES => {
                self.passed += 1;
                self.at = end;
                ControlFlow::Continue(())
            }
            Some(_) | None => ControlFlow::Break(None),
        }
    }
}

type Source<'s> = (i64, Peekable<Box<dyn Iterator<Item = &'s Occupant> + 's>>);

/// The occupants of several calendars in the order in which a walk meets them, each with the length
/// of the order's slot in its calendar.
struct Merged<'s> {
    sources: Vec<Source<'s>>,
    way: Way,
}

impl<'s> Iterator for Merged<'s> {
    type Item = (i64, &'s Occupant);

    fn next(&mut self) -> Option<(i64, &'s Occupant)> {
        let way = self.way;
        let distance = |(length_ms, source): &mut Source<'s>| {
            source.peek().map_or(i64::MAX, |occupant| {
                let before_ms = occupant.start().as_millis() - *length_ms;
                match way {
                    Way::Later => before_ms,
                    Way::Earlier => -before_ms,
                }
            })
        };
        let heads = self.sources.iter_mut().enumerate();
        let (_, first) = heads.map(|(place, source)| (distance(source), place)).min()?;
        let (length_ms, source) = self.sources.get_mut(first)?;
        source.next().map(|occupant| (*length_ms, occupant))
    }
}
