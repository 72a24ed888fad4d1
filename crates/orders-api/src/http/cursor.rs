//! Cursors: where a page of a list ended. They are opaque to clients, and valid only for the list and
//! the filters that they came from.
//!
//! A cursor is a version byte, a checksum of the list and the place, and the place, in base64url.

use std::fmt::{self, Display};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// The first byte of each cursor. It must change with the format and with how a list describes
/// itself.
const VERSION: u8 = 1;

/// Identifies a list by its path and the filters that are set, as a canonical query string: names in
/// a fixed order, values as responses show them.
#[derive(Clone)]
pub(crate) struct ListKey(String);

impl ListKey {
    pub(crate) fn new(path: impl Display) -> Self {
        Self(format!("{path}?"))
    }

    /// Adds a filter. Without a value, the filter is not set.
    pub(crate) fn with<T: Display>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let start = self.0.find('?').map_or(0, |mark| mark + 1);
        let mut query = form_urlencoded::Serializer::for_suffix(std::mem::take(&mut self.0), start);
        for value in values {
            query.append_pair(name, &value.to_string());
        }
        Self(query.finish())
    }

    /// Returns the cursor of a place in the list.
    pub(crate) fn write(&self, place: &str) -> String {
        let checksum = self.checksum(place.as_bytes());
        URL_SAFE_NO_PAD.encode([&[VERSION], &checksum.as_bytes()[..], place.as_bytes()].concat())
    }

    /// Returns the place of a cursor, if the cursor came from this list.
    pub(crate) fn read(&self, cursor: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (checksum, place) = rest.split_first_chunk()?;
        let is_own = *version == VERSION && self.checksum(place).as_bytes() == checksum;
        is_own.then(|| String::from_utf8(place.to_vec()).ok())?
    }

    fn checksum(&self, place: &[u8]) -> Uuid {
        const NAMESPACE: Uuid = Uuid::from_u128(0x5f1d_3a0c_7a54_4a0e_9f6b_4d2b_8c3e_7a11);
        Uuid::new_v5(&Uuid::new_v5(&NAMESPACE, self.0.as_bytes()), place)
    }
}

impl fmt::Display for ListKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_only_by_the_list_that_wrote_it() {
        let list = ListKey::new("/orders").with("from", [1]);
        let cursor = list.write("17 abc");
        assert_eq!(list.read(&cursor).as_deref(), Some("17 abc"));
        assert_eq!(ListKey::new("/orders").with("from", [2]).read(&cursor), None);
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

    #[test]
    fn the_bytes_of_a_cursor_are_pinned() {
        let list = ListKey::new("/orders")
            .with("from", Some("2022-11-01T11:11:11.111Z"))
            .with("to", None::<&str>)
            .with("service", [1, 2])
            .with("sort", ["-datetime"]);
        let canonical =
            "/orders?from=2022-11-01T11%3A11%3A11.111Z&service=1&service=2&sort=-datetime";
        assert_eq!(list.to_string(), canonical);
        assert_eq!(list.write("17 abc"), "AS6iJOJQolC-rJ60h3w_o-MxNyBhYmM");
        assert_eq!(list.read("AS6iJOJQolC-rJ60h3w_o-MxNyBhYmM").as_deref(), Some("17 abc"));
    }
}
