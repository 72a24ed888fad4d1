//! One pass along the feed, with all operations beside it.

use std::collections::HashMap;

use super::check::Violation;
use super::event::Event;
use super::model::{Attempt, Model};
use super::operation::{Ending, Operation, Request, Told};
use super::proposal::key_reused;
use super::writes::Writes;

/// The most violations to report.
const TOLD: usize = 10;

pub(super) struct Sweep<'a> {
    model: &'a mut Model,
    /// In the order in which they began.
    all: &'a [Operation],
    /// The number of operations that have been added to `waiting`.
    taken_up: usize,
    /// Answered operations that are not placed yet. None of them ended before another began, so
    /// each may be the next.
    waiting: Vec<usize>,
    /// Whether each operation was placed, or found to have no place.
    pub(super) done: Vec<bool>,
    /// Operations of which more unexplained events may follow.
    broken: Vec<usize>,
    writes: Writes,
    keys: HashMap<&'a str, KeySeen<'a>>,
    pub(super) violations: Vec<Violation>,
}

/// What the responses show about a key.
#[derive(Default)]
struct KeySeen<'a> {
    /// When a response first showed that the key was used: it was used before that.
    used_by: Option<u64>,
    /// The request that it represents. No other request with this key was done.
    stands_for: Option<&'a Request>,
    /// Requests that it does not represent. They were not done.
    stands_not_for: Vec<&'a Request>,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(model: &'a mut Model, all: &'a [Operation]) -> Self {
        let mut writes = Writes::default();
        let mut keys: HashMap<&str, KeySeen<'_>> = HashMap::new();
        for (number, operation) in all.iter().enumerate() {
            writes.note(operation, number);
            let Operation { key: Some(key), ending: Ending::Told { told, replayed }, .. } =
                operation
            else {
                continue;
            };
            let seen = keys.entry(key).or_default();
            let is_reused = *told == key_reused();
            if is_reused {
                seen.stands_not_for.push(&operation.request);
            } else if matches!(told, Told::Order(..) | Told::Deleted | Told::Results(200, _)) {
                seen.stands_for = Some(&operation.request);
            }
            if *replayed || is_reused {
                seen.used_by = Some(operation.end.min(seen.used_by.unwrap_or(u64::MAX)));
            }
        }
        let mut sweep = Self {
            model,
            all,
            taken_up: 0,
            waiting: Vec::new(),
            done: vec![false; all.len()],
            broken: Vec::new(),
            writes,
            keys,
            violations: Vec::new(),
        };
        sweep.settle();
        sweep
    }

    /// Places the first of these events, and those after it that are of the same operation; how many.
    /// The events must be all remaining ones.
    pub(super) fn place(&mut self, events: &'a [Event]) -> usize {
        let Some(event) = events.first() else { return 0 };
        if event.sequence != self.model.sequence + 1 {
            let expected = format!("expected: {}", self.model.sequence + 1);
            self.tell("the feed has a gap", [event.to_string(), expected]);
            self.model.sequence = event.sequence.saturating_sub(1);
        }
        let length = self.place_next(event, events);
        self.settle();
        length
    }

    fn place_next(&mut self, event: &Event, events: &[Event]) -> usize {
        let candidates = self.writes.of(event, &self.done);
        let asked = |number: &usize| event.is_asked_for_by(&self.all[*number].request);
        let (over, mut open): (Vec<usize>, Vec<usize>) =
            candidates.into_iter().filter(asked).partition(|number| self.done[*number]);
        open.retain(|number| !self.is_refuted(*number));
        // The operation with the earliest deadline comes first, and of these one that nothing hinders:
        // an operation that can be done later loses nothing by it.
        open.sort_by_key(|number| {
            (!self.hindrances(*number).is_empty(), self.deadline(*number), *number)
        });
        let mut why = Vec::new();
        for number in open {
            // With the state before the event: after it, it is too late for them.
            let late: Vec<(usize, String)> = self
                .hindrances(number)
                .into_iter()
                .map(|late| (late, self.told_here(late)))
                .collect();
            let length = match self.try_write(number, events) {
                Ok(length) => length,
                Err(reason) => {
                    why.push((number, reason));
                    continue;
                }
            };
            for (other, here) in late {
                self.give_up(other, here, Some((number, event)));
            }
            self.is_done(number);
            return length;
        }
        self.model.adopt(event);
        if let Some((number, reason)) = why.into_iter().next() {
            self.is_done(number);
            self.broken.push(number);
            self.tell(
                "an operation did what it must not",
                [self.all[number].to_string(), event.to_string(), reason],
            );
        } else if let Some(number) = over.first() {
            if !self.broken.contains(number) {
                let about = [self.all[*number].to_string(), event.to_string()];
                self.tell("an operation was done twice", about);
            }
        } else {
            let mut about = vec![event.to_string()];
            let refused = self.all.iter().filter(|operation| {
                !matches!(operation.ending, Ending::Unknown(_))
                    && event.is_asked_for_by(&operation.request)
            });
            about.extend(refused.take(3).map(|one| format!("asked for by {one}")));
            self.tell("an event that no operation explains", about);
        }
        1
    }

    /// Whether its key represents another request, so that this one cannot have been done.
    fn is_refuted(&self, number: usize) -> bool {
        let Operation { request, ending, .. } = &self.all[number];
        let is_excluded = |seen: &KeySeen<'_>| {
            seen.stands_for.is_some_and(|other| !request.repeats(other))
                || seen.stands_not_for.iter().any(|other| request.repeats(other))
        };
        matches!(ending, Ending::Unknown(_)) && self.key_of(number).is_some_and(is_excluded)
    }

    fn key_of(&self, number: usize) -> Option<&KeySeen<'a>> {
        self.all[number].key.as_deref().and_then(|key| self.keys.get(key))
    }

    /// By when it must have been placed.
    fn deadline(&self, number: usize) -> u64 {
        let operation = &self.all[number];
        let condition = matches!(&operation.request, Request::Delete { if_match: Some(_), .. });
        if condition && matches!(operation.ending, Ending::Told { .. }) {
            // No other event has this version before it.
            return 0;
        }
        let used_by = self.key_of(number).and_then(|seen| seen.used_by);
        used_by.unwrap_or(u64::MAX).min(operation.over())
    }

    /// Performs an operation here, if it causes exactly the next events and its response. Returns the
    /// number of events.
    fn try_write(&mut self, number: usize, events: &[Event]) -> Result<usize, String> {
        let operation = &self.all[number];
        let attempt = self.model.attempt(operation, events);
        let length = attempt.made.len();
        let same_answer = answers(operation, &attempt);
        let same_events = length > 0 && events.get(..length) == Some(&attempt.made[..]);
        if same_answer && same_events {
            return Ok(length);
        }
        let mut reason = vec![format!("by the rule, here: {}", attempt.told)];
        if attempt.replayed {
            reason.push("once more".to_owned());
        }
        let differs = attempt.made.iter().zip(events).find(|(made, event)| made != event);
        if let Some((made, event)) = differs {
            reason.push(format!("{made:?} rather than {event:?}"));
        } else if same_answer && length > events.len() {
            reason.push("an event is missing".to_owned());
        }
        self.model.take_back(attempt);
        Err(reason.join("; "))
    }

    /// The operations that ended before this one began and have not been placed.
    fn hindrances(&self, number: usize) -> Vec<usize> {
        let began = self.all[number].begin;
        let before = |other: &usize| *other != number && self.all[*other].over() < began;
        let mut found: Vec<usize> = self.waiting.iter().copied().filter(before).collect();
        if !found.is_empty() {
            // After these there may be others that waited for them.
            let rest = self.taken_up..self.all.len();
            let rest = rest.take_while(|other| self.all[*other].begin < began);
            found.extend(rest.filter(|other| self.is_known(*other)).filter(before));
        }
        found
    }

    fn is_known(&self, number: usize) -> bool {
        !self.done[number] && matches!(self.all[number].ending, Ending::Told { .. })
    }

    fn is_done(&mut self, number: usize) {
        self.done[number] = true;
        self.waiting.retain(|other| *other != number);
    }

    /// Adds the operations that may come next, and places those that need no event.
    fn settle(&mut self) {
        loop {
            let first_end = self.waiting.iter().map(|number| self.all[*number].over()).min();
            let mut first_end = first_end.unwrap_or(u64::MAX);
            let mut is_new = false;
            while let Some(operation) = self.all.get(self.taken_up)
                && operation.begin <= first_end
            {
                if self.is_known(self.taken_up) {
                    first_end = first_end.min(operation.over());
                    self.waiting.push(self.taken_up);
                    is_new = true;
                }
                self.taken_up += 1;
            }
            let mut is_placed = false;
            for number in self.waiting.clone() {
                let operation = &self.all[number];
                let attempt = self.model.attempt(operation, &[]);
                if attempt.made.is_empty() && answers(operation, &attempt) {
                    self.is_done(number);
                    is_placed = true;
                } else {
                    self.model.take_back(attempt);
                }
            }
            if !is_new && !is_placed {
                return;
            }
        }
    }

    /// The response that an operation would get here.
    fn told_here(&mut self, number: usize) -> String {
        let attempt = self.model.attempt(&self.all[number], &[]);
        let again = if attempt.replayed { ", once more" } else { "" };
        let told = format!("by the rule, here: {}{again}", attempt.told);
        self.model.take_back(attempt);
        told
    }

    /// Reports that an operation has no place: later operations, or the end, come first.
    fn give_up(&mut self, number: usize, here: String, later: Option<(usize, &Event)>) {
        let operation = &self.all[number];
        let mut about = vec![operation.to_string(), here];
        if let Some((later, event)) = later {
            about.push(format!("began after its end: {}", self.all[later]));
            about.push(event.to_string());
        }
        if operation.key.is_some() {
            let same_key = self.all.iter().filter(|other| other.key == operation.key);
            let others = same_key.filter(|other| other.number != operation.number);
            about.extend(others.take(3).map(|other| format!("under the same key: {other}")));
        }
        let Ending::Told { told, replayed } = &operation.ending else { return };
        let what = match told {
            Told::Refused(409, code, _) if code == "order-conflict" => {
                "a refusal that was justified at no moment"
            }
            Told::Order(..) | Told::Deleted | Told::Results(200, _)
                if !replayed && !matches!(operation.request, Request::Read { .. }) =>
            {
                self.broken.push(number);
                "an acknowledged operation whose events are missing or come too late"
            }
            Told::Order(..)
            | Told::Deleted
            | Told::Free(_)
            | Told::Refused(..)
            | Told::Results(..) => "an answer that was right at no moment",
        };
        self.tell(what, about);
        self.is_done(number);
    }

    /// Checks the operations that are left after the last event.
    pub(super) fn finish(&mut self) {
        self.settle();
        while let Some(number) = self.waiting.first().copied() {
            let here = self.told_here(number);
            self.give_up(number, here, None);
            self.settle();
        }
    }

    fn tell(&mut self, what: &str, about: impl IntoIterator<Item = String>) {
        if self.violations.len() < TOLD {
            self.violations.push(Violation::new(what, about));
        }
    }
}

/// Whether an attempt gives the response of the operation, if it got one.
fn answers(operation: &Operation, attempt: &Attempt) -> bool {
    match &operation.ending {
        Ending::Told { told, replayed } => (told, *replayed) == (&attempt.told, attempt.replayed),
        Ending::Unknown(_) => true,
        Ending::NotDone(_) => false,
    }
}
