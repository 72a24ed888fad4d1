//! A ring buffer of the newest events, rendered once and shared by all streams. Knows no store and no
//! clock.

use std::collections::VecDeque;

use actix_web::web::Bytes;
use orders_db::OrderChange;

use crate::events::response::EventView;

/// The maximum size of the ring, in bytes.
const MAX_BYTES: usize = 4 << 20;

/// Consecutive events, rendered.
pub(super) struct Rendered {
    bytes: Bytes,
    /// The sequence of each event, and where it ends in `bytes`.
    ends: Vec<(u64, usize)>,
}

impl Rendered {
    /// Renders changes up to a size, but at least one. Returns `None` if there are none.
    pub(super) fn from_changes(
        changes: &[OrderChange],
        source: &str,
        max_bytes: usize,
    ) -> Result<Option<Self>, serde_json::Error> {
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(changes.len()));
        for change in changes {
            let (before, event) = (bytes.len(), &change.event);
            let head = format!("id: {}\nevent: order.{}\ndata: ", event.sequence, event.kind);
            bytes.extend_from_slice(head.as_bytes());
            // Compact JSON has no line breaks.
            serde_json::to_writer(&mut bytes, &EventView::new(change, source))?;
            bytes.extend_from_slice(b"\n\n");
            if bytes.len() > max_bytes && !ends.is_empty() {
                bytes.truncate(before);
                break;
            }
            ends.push((event.sequence, bytes.len()));
        }
        Ok((!ends.is_empty()).then(|| Self { bytes: bytes.into(), ends }))
    }

    /// The sequence of the last event.
    pub(super) fn last(&self) -> u64 {
        self.ends.last().map_or(0, |(sequence, _)| *sequence)
    }

    /// The number of events.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Returns the events after a sequence up to a size, but at least one, and the last sequence.
    fn slice(&self, after: u64, max_bytes: usize) -> Option<(Bytes, u64)> {
        let seen = self.ends.partition_point(|(sequence, _)| *sequence <= after);
        let end_of = |index: usize| self.ends.get(index).map(|(_, end)| *end);
        let start = seen.checked_sub(1).and_then(end_of).unwrap_or(0);
        let fitting = self.ends.partition_point(|(_, end)| *end <= start + max_bytes);
        let (sequence, end) = self.ends.get(fitting.max(seen + 1) - 1)?;
        (seen < self.ends.len()).then(|| (self.bytes.slice(start..*end), *sequence))
    }
}

/// The events after a position.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Events, and the sequence of the last one.
    Events(Bytes, u64),
    /// There are none yet.
    Nothing,
    /// They are no longer in the ring.
    TooOld,
}

/// The newest events.
#[derive(Default)]
pub(super) struct Ring {
    /// The ring has all known events after this sequence; `None` while there are no streams.
    start: Option<u64>,
    parts: VecDeque<Rendered>,
    size: usize,
}

impl Ring {
    /// Empties the ring and starts after a sequence.
    pub(super) fn restart(&mut self, start: Option<u64>) {
        *self = Self { start, ..Self::default() };
    }

    /// Adds the next events, and drops the oldest ones to make room.
    pub(super) fn push(&mut self, part: Rendered) {
        self.size += part.bytes.len();
        self.parts.push_back(part);
        while self.size > MAX_BYTES
            && self.parts.len() > 1
            && let Some(oldest) = self.parts.pop_front()
        {
            self.size -= oldest.bytes.len();
            self.start = Some(oldest.last());
        }
    }

    /// Returns the events after a sequence, up to a size, but at least one.
    pub(super) fn after(&self, after: u64, max_bytes: usize) -> Found {
        if self.start.is_none_or(|start| after < start) {
            return Found::TooOld;
        }
        let next = self.parts.partition_point(|part| part.last() <= after);
        let mut parts = self.parts.range(next..);
        let first = parts.next().and_then(|part| Some((part, part.slice(after, max_bytes)?)));
        let Some((mut part, (first, mut last))) = first else {
            return Found::Nothing;
        };
        // Most readers need the newest part only, and share it without a copy.
        let mut joined: Option<Vec<u8>> = None;
        // If a part did not fit, its rest comes before the next part.
        while last == part.last()
            && let Some(next) = parts.next()
        {
            let size = joined.as_ref().map_or(first.len(), Vec::len);
            let Some((more, sequence)) = next.slice(last, max_bytes.saturating_sub(size)) else {
                break;
            };
            if size + more.len() > max_bytes {
                break;
            }
            joined.get_or_insert_with(|| first.to_vec()).extend_from_slice(&more);
            (part, last) = (next, sequence);
        }
        Found::Events(joined.map_or(first, Bytes::from), last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part with events of these sizes, the first with this sequence.
    fn part(first: u64, sizes: &[usize]) -> Rendered {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for (sequence, size) in (first..).zip(sizes) {
            bytes.extend(std::iter::repeat_n(b'0' + u8::try_from(sequence % 10).unwrap(), *size));
            ends.push((sequence, bytes.len()));
        }
        Rendered { bytes: bytes.into(), ends }
    }

    fn events(text: &'static str, last: u64) -> Found {
        Found::Events(Bytes::from_static(text.as_bytes()), last)
    }

    #[test]
    fn a_reader_finds_what_follows_its_position_and_no_more_than_it_takes() {
        let mut ring = Ring::default();
        assert_eq!(ring.after(0, 99), Found::TooOld, "there are no streams yet");
        ring.restart(Some(4));
        assert_eq!(ring.after(3, 99), Found::TooOld);
        assert_eq!(ring.after(4, 99), Found::Nothing);
        ring.push(part(5, &[2, 2, 2]));
        ring.push(part(8, &[3]));
        ring.push(part(9, &[1]));
        assert_eq!(ring.after(4, 99), events("5566778889", 9));
        assert_eq!(ring.after(4, 5), events("5566", 6));
        assert_eq!(ring.after(4, 8), events("556677", 7));
        assert_eq!(ring.after(4, 9), events("556677888", 8));
        assert_eq!(ring.after(6, 1), events("77", 7), "at least one");
        assert_eq!(ring.after(8, 99), events("9", 9));
        // A small part after the rest of a large one.
        ring.push(part(10, &[2, 5]));
        ring.push(part(12, &[1]));
        assert_eq!(ring.after(8, 5), events("900", 10));
        assert_eq!(ring.after(9, 5), events("00", 10));
        assert_eq!(ring.after(10, 6), events("111112", 12));
        ring.restart(Some(9));
        assert_eq!((ring.after(9, 99), ring.after(u64::MAX, 99)), (Found::Nothing, Found::Nothing));
    }

    #[test]
    fn old_events_are_dropped_and_their_readers_are_too_old() {
        let mut ring = Ring::default();
        ring.restart(Some(0));
        for sequence in 1..=100 {
            ring.push(part(sequence, &[MAX_BYTES / 10 + 1]));
        }
        assert!(ring.size <= MAX_BYTES);
        assert_eq!(ring.after(90, 9), Found::TooOld);
        assert!(matches!(ring.after(91, 9), Found::Events(_, 92)));
    }
}
