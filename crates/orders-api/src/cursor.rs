//! Cursors: where a page of a list ended. Opaque to callers, and of use only for the list, with
//! the filters, that they came from.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// What a list is told apart by: its name and its filters, as text. In front of each place stands a
/// sum of both, so that nothing is taken for a cursor but what the list itself has answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListKey(Uuid);

impl ListKey {
    pub(crate) fn new(description: &str) -> Self {
        const NAMESPACE: Uuid = Uuid::from_u128(0x5f1d_3a0c_7a54_4a0e_9f6b_4d2b_8c3e_7a11);
        Self(Uuid::new_v5(&NAMESPACE, description.as_bytes()))
    }

    /// The cursor behind a place in the list.
    pub(crate) fn write(&self, place: &str) -> String {
        URL_SAFE_NO_PAD.encode([self.sum(place.as_bytes()).as_bytes(), place.as_bytes()].concat())
    }

    /// The place that a cursor stands for, if it came from this list.
    pub(crate) fn read(&self, cursor: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (sum, place) = bytes.split_first_chunk()?;
        (self.sum(place).as_bytes() == sum).then(|| String::from_utf8(place.to_vec()).ok())?
    }

    fn sum(&self, place: &[u8]) -> Uuid {
        Uuid::new_v5(&self.0, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_only_by_the_list_that_wrote_it() {
        let list = ListKey::new("orders from=1");
        let cursor = list.write("17 abc");
        assert_eq!(list.read(&cursor).as_deref(), Some("17 abc"));
        assert_eq!(ListKey::new("orders from=2").read(&cursor), None);
        for bad in ["", "x", "%", &cursor[1..], &format!("{cursor}=")] {
            assert_eq!(list.read(bad), None, "{bad}");
        }
        for end in 0..cursor.len() {
            assert_eq!(list.read(&cursor[..end]), None, "cut off");
            let other = if &cursor[end..=end] == "A" { "B" } else { "A" };
            let changed = [&cursor[..end], other, &cursor[end + 1..]].concat();
            assert_eq!(list.read(&changed), None, "{changed}");
        }
    }
}
