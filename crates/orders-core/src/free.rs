//! Free times: the nearest instants at which an order would be accepted.

use std::iter::Peekable;
use std::ops::ControlFlow;

use crate::calendar::{CalendarId, Occupant, Reach, Span};
use crate::snapshot::{Needs, too_close_to};
use crate::spacing::Candidate;
use crate::state::State;
use crate::way::Way;
use crate::{Instant, Period};

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

/// Finds the free stretches between two instants, in one pass over any number of occupants that
/// come in the order of their times.
///
/// ```
/// use orders_core::{FreeStretches, Instant, Period};
///
/// let at = |text| Instant::parse(text).unwrap();
/// let (from, to) = (at("2022-11-01T00:00:00Z"), at("2022-11-02T00:00:00Z"));
/// let mut free = FreeStretches::new(Period::THREE_HOURS, from, to);
/// let before = free.pass(at("2022-11-01T09:00:00Z")).unwrap();
/// assert_eq!((before.start, before.end), (from, at("2022-11-01T06:00:00Z")));
/// let after = free.finish().unwrap();
/// assert_eq!((after.start, after.end), (at("2022-11-01T12:00:00Z"), to));
/// ```
#[derive(Debug, Clone)]
pub struct FreeStretches {
    window: Period,
    /// The first instant that may be free yet; `None` behind the end of time.
    at: Option<Instant>,
    to: Instant,
}

impl FreeStretches {
    /// A search from one instant to another, both included.
    #[must_use]
    pub fn new(window: Period, from: Instant, to: Instant) -> Self {
        Self { window, at: Some(from), to }
    }

    /// Passes the next occupant; answers the free stretch before it, if there is one.
    pub fn pass(&mut self, occupied: Instant) -> Option<Stretch> {
        let start = self.at?;
        self.at = occupied.checked_add(self.window).map(|end| end.max(start));
        // Exactly one window before the occupant is still free.
        let end = occupied.checked_sub(self.window)?.min(self.to);
        (start <= end).then_some(Stretch { start, end })
    }

    /// The free stretch behind the last occupant, if there is one.
    #[must_use]
    pub fn finish(self) -> Option<Stretch> {
        let (start, end) = (self.at?, self.to);
        (start <= end).then_some(Stretch { start, end })
    }
}

/// The nearest instant, from the order's own time on, at which it would be accepted; `None` where
/// none lies within 366 days or 1 000 occupied stretches. Passes the occupants once, in order.
pub(crate) fn nearest_free(
    state: &State<'_>,
    candidate: &Candidate<'_>,
    way: Way,
) -> Result<Option<Instant>, Needs> {
    let window = state.policy.window;
    let asked = candidate.order.content.datetime;
    let edge = |calendar| state.loaded_up_to(calendar, asked, way);
    let known = candidate.calendars.iter().map(|calendar| edge(*calendar).unwrap_or(asked));
    let known = known.min_by_key(|known| way.ahead(asked, *known)).unwrap_or(asked);
    let mut walk = Walk::new(state, candidate, way);
    if let ControlFlow::Break(found) = walk.along(state, known) {
        return Ok(found);
    }
    let Walk { at, met, .. } = walk;
    let needed = way.last_too_close(at, window);
    let mut needs = Needs::default();
    for calendar in &candidate.calendars {
        let span = match edge(*calendar) {
            Some(loaded) if way.ahead(needed, loaded) >= 0 => continue,
            Some(loaded) => further(state, *calendar, way, loaded, met),
            None => {
                let (from, to) = too_close_to(asked, window);
                Span { calendar: *calendar, from, to, reach: Reach::All }
            }
        };
        needs.spans.insert(span);
    }
    if needs.is_empty() { Ok(Some(at)) } else { Err(needs) }
}

/// What to load of a calendar beyond what is loaded of it. More each time, so that a long run takes
/// few loads and a short one a small one. Those that stand together where a list was cut short
/// count too, so that the next list gets past them. Where it starts depends on nothing but the
/// edge, so that all who search across it are served by one load.
fn further(state: &State<'_>, calendar: CalendarId, way: Way, loaded: Instant, met: usize) -> Span {
    let far = way.end_of_time();
    let start = way.next(loaded).unwrap_or(far);
    let cut = way.ordered(start, way.saturating_step(start, state.policy.window));
    let cut = state.count_loaded(calendar, cut);
    let most = FIRST_LOOK * (1 + cut) + (FIRST_LOOK * met).min(STRETCHES);
    let (from, to) = way.ordered(start, far);
    Span { calendar, from, to, reach: way.reach(most) }
}

/// A walk from the time that was asked for past one occupant after the other.
struct Walk<'c> {
    candidate: &'c Candidate<'c>,
    way: Way,
    window: Period,
    horizon: Instant,
    /// The first instant that may be free yet.
    at: Instant,
    /// How many occupants were met.
    met: usize,
    /// How many occupied stretches were passed.
    passed: usize,
}

impl<'c> Walk<'c> {
    fn new(state: &State<'_>, candidate: &'c Candidate<'c>, way: Way) -> Self {
        let asked = candidate.order.content.datetime;
        let horizon = way.saturating_step(asked, Period::MAX);
        let window = state.policy.window;
        Self { candidate, way, window, horizon, at: asked, met: 0, passed: 0 }
    }

    /// Walks through all that is too close to the order's time, and on up to `known`. Breaks off
    /// where it ends: at a free instant, or where none is near enough.
    fn along(&mut self, state: &State<'_>, known: Instant) -> ControlFlow<Option<Instant>> {
        let (asked, way) = (self.candidate.order.content.datetime, self.way);
        let behind = match way {
            Way::Later => Way::Earlier.last_too_close(asked, self.window),
            Way::Earlier => Way::Later.last_too_close(asked, self.window),
        };
        let (from, to) = way.ordered(behind, known);
        let sources = |calendar: &CalendarId| state.sources(*calendar, from, to, way);
        let mut sources: Vec<_> = self.candidate.calendars.iter().flat_map(sources).collect();
        // The commonest by far, and nothing has to be compared.
        if let [only] = sources.as_mut_slice() {
            return only.try_for_each(|occupant| self.pass(occupant));
        }
        let sources = sources.into_iter().map(Iterator::peekable).collect();
        Merged { sources, way, origin: asked }.try_for_each(|occupant| self.pass(occupant))
    }

    /// Passes one occupant.
    fn pass(&mut self, occupant: &Occupant) -> ControlFlow<Option<Instant>> {
        let (way, window) = (self.way, self.window);
        self.met += 1;
        let gap = way.ahead(self.at, occupant.start);
        if gap >= window.as_millis() {
            return ControlFlow::Break(Some(self.at));
        }
        if gap <= -window.as_millis()
            || self.candidate.is_exempt_from(&occupant.order_id, occupant.group)
        {
            return ControlFlow::Continue(());
        }
        // Whatever this one holds is held up to one window behind it. Others that hold the same end a
        // window before where the walk is then, and are not counted again.
        match way.step(occupant.start, window) {
            Some(end) if way.ahead(end, self.horizon) >= 0 && self.passed < STRETCHES => {
                self.passed += 1;
                self.at = end;
                ControlFlow::Continue(())
            }
            Some(_) | None => ControlFlow::Break(None),
        }
    }
}

/// The occupants of several calendars in the order in which they are met.
struct Merged<'s> {
    sources: Vec<Peekable<Box<dyn Iterator<Item = &'s Occupant> + 's>>>,
    way: Way,
    origin: Instant,
}

impl<'s> Iterator for Merged<'s> {
    type Item = &'s Occupant;

    fn next(&mut self) -> Option<&'s Occupant> {
        let (way, origin) = (self.way, self.origin);
        let distance = |source: &mut Peekable<Box<dyn Iterator<Item = &'s Occupant> + 's>>| {
            source.peek().map_or(i64::MAX, |occupant| way.ahead(origin, occupant.start))
        };
        let heads = self.sources.iter_mut().enumerate();
        let (_, first) = heads.map(|(place, source)| (distance(source), place)).min()?;
        self.sources.get_mut(first)?.next()
    }
}
