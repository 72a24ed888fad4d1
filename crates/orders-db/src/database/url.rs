//! The database URL: parsed by its scheme, and shown without its password.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A PostgreSQL server: `postgres://…`, as libpq reads it.
    Postgres(String),
    /// An SQLite file.
    Sqlite(PathBuf),
}

impl DatabaseUrl {
    /// Parses `postgres://…`, `postgresql://…`, `sqlite:///path`, or a plain path.
    ///
    /// # Errors
    /// [`StoreError::Url`] for any other scheme, and for a text that names no file.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let reject = |why: &str| Err(StoreError::Url(why.to_owned()));
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        match scheme {
            _ if text.is_empty() => reject("the database URL is empty"),
            "postgres" | "postgresql" => {
                match rest.strip_prefix("//").filter(|rest| is_clear(rest)) {
                    Some(_) => Ok(Self::Postgres(text.to_owned())),
                    None => reject(
                        "the database URL cannot be read; write postgres://user:password@host/database, \
                     and / ? @ % in the password as %2F %3F %40 %25",
                    ),
                }
            }
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() || path.starts_with(':') || path.contains(['?', '@']) {
                    return reject(
                        "the database URL names no file; write sqlite:///path/orders.db",
                    );
                }
                Ok(Self::Sqlite(PathBuf::from(path)))
            }
            // Shows only the scheme, because the rest may have a password.
            scheme if rest.starts_with("//") => reject(&format!(
                "the database URL has the unknown scheme \"{scheme}\"; \
                 write postgres://…, sqlite:///path or a plain path"
            )),
            // A URL for a server must not become a file with the password in its name.
            _ if text.contains('@') || text.contains("password=") || text.contains("host=") => {
                reject("the database URL has no known scheme; write postgres://…")
            }
            scheme if text.starts_with(':') || is_word(scheme) => {
                reject("the database URL is no path; write sqlite:///path, or ./ before a name")
            }
            _ => Ok(Self::Sqlite(PathBuf::from(text))),
        }
    }
}

impl DatabaseUrl {
    /// Fails if this is a file that does not exist.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::File`] if its directory cannot be read.
    pub fn check_exists(&self) -> Result<(), StoreError> {
        let Self::Sqlite(path) = self else { return Ok(()) };
        match path.try_exists() {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::Missing(self.place())),
            Err(error) => {
                Err(StoreError::File(format!("cannot open the database {}: {error}", self.place())))
            }
        }
    }

    /// Where the database is: a path, or the host and the name, without user and password.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(url) => {
                let place = url.split_once("://").map_or("", |(_, rest)| rest);
                let place = place.split_once('?').map_or(place, |(place, _)| place);
                place.rsplit_once('@').map_or(place, |(_, place)| place).to_owned()
            }
        }
    }

    /// Returns the URL of a PostgreSQL server without its password; `None` for a file.
    #[must_use]
    pub fn without_password(&self) -> Option<String> {
        let Self::Postgres(url) = self else { return None };
        let (scheme, rest) = url.split_once("://")?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, host) = place.rsplit_once('@').unwrap_or(("", place));
        let user = user.split(':').next().unwrap_or_default();
        let kept: Vec<&str> =
            query.split('&').filter(|part| !part.is_empty() && !is_secret(part)).collect();
        let mut shown = format!("{scheme}://");
        if !user.is_empty() {
            shown.extend([user, "@"]);
        }
        shown.push_str(host);
        if !kept.is_empty() {
            shown.extend(["?", &kept.join("&")]);
        }
        Some(shown)
    }
}

/// Returns `true` for `password=…`, `sslpassword=…` and `oauth_client_secret=…`.
fn is_secret(parameter: &str) -> bool {
    let name = parameter.split('=').next().unwrap_or_default();
    name.ends_with("password") || name.ends_with("secret")
}

/// Returns the name by which SQLite opens an existing file, whatever its path. Creates no file.
pub(crate) fn sqlite_name(path: &Path) -> String {
    let mut name = if path.is_absolute() { "file://" } else { "file:" }.to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                name.push(char::from(*byte));
            }
            // Writing to a string does not fail.
            byte => drop(write!(name, "%{byte:02X}")),
        }
    }
    name + "?mode=rw"
}

/// Returns `true` if a text could be the scheme of a URL.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Returns `true` if the part of a PostgreSQL URL after its scheme is unambiguous, so that no part of a
/// password can be mistaken for another part, and shown.
fn is_clear(rest: &str) -> bool {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = place.split_once('/').unwrap_or((place, ""));
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let is_parameter = |part: &str| part.split_once('=').is_some_and(|(name, _)| is_name(name));
    let escapes = rest.split('%').skip(1);
    let is_escape = |part: &str| {
        // libpq quotes a value with a NUL character.
        part.get(..2)
            .is_some_and(|hex| hex != "00" && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    authority.matches('@').count() <= 1
        && !path.contains(['@', '/'])
        && (query.is_empty() || query.split('&').all(is_parameter))
        && escapes.clone().all(is_escape)
}

impl fmt::Display for DatabaseUrl {
    /// Shows where the database is, without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(_) => write!(f, "SQLite file {}", self.place()),
            Self::Postgres(_) => write!(f, "PostgreSQL at {}", self.place()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_by_their_scheme() {
        let sqlite = |path: &str| Ok(DatabaseUrl::Sqlite(PathBuf::from(path)));
        assert_eq!(DatabaseUrl::parse("sqlite:///var/orders.db"), sqlite("/var/orders.db"));
        assert_eq!(DatabaseUrl::parse("sqlite://orders.db"), sqlite("orders.db"));
        assert_eq!(DatabaseUrl::parse("data/orders.db"), sqlite("data/orders.db"));
        assert_eq!(DatabaseUrl::parse("/a:b/orders.db"), sqlite("/a:b/orders.db"));
        for url in [
            "postgres://localhost/orders",
            "postgresql:///orders?host=/run",
            "postgres://me:s%40%2Fcret@h1:1,h2:2/orders?sslmode=disable&application_name=a@b",
        ] {
            assert_eq!(DatabaseUrl::parse(url), Ok(DatabaseUrl::Postgres(url.to_owned())));
        }
        for url in [
            "",
            "mysql://h/db",
            "sqlite://",
            "sqlite::memory:",
            ":memory:",
            "file:x",
            "host=h dbname=d",
            "user=me password=secret hostaddr=127.0.0.1",
            "postgres:/me:secret@h/db",
            "postgres://me:sec?ret@h/db?sslmode=disable",
            "postgres://me:se/cret@h/db",
            "postgres://me:sec@ret@h/db",
            "postgres://me:%zzsecret@h/db",
            "postgres://me:%00secret@h/db",
            "sqlite://me:secret@h/x?y",
            "data:secret",
        ] {
            let refused = DatabaseUrl::parse(url).unwrap_err();
            assert!(matches!(refused, StoreError::Url(_)), "{url}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }

    #[test]
    fn any_path_is_the_name_of_a_file_for_sqlite() {
        let name = |path: &str| sqlite_name(Path::new(path));
        assert_eq!(name("/a b/ä?x=1#%.db"), "file:///a%20b/%C3%A4%3Fx%3D1%23%25.db?mode=rw");
        assert_eq!(name("file:x.db"), "file:file%3Ax.db?mode=rw");
        assert_eq!(name("//a/b.db"), "file:////a/b.db?mode=rw");
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = DatabaseUrl::parse("postgres://me:secret@db.local:5432/orders?x=1").unwrap();
        assert_eq!(format!("{url} {url:?}").matches("secret").count(), 0);
        assert_eq!(url.to_string(), "PostgreSQL at db.local:5432/orders");
        let url = "postgres://me:secret@h/d?sslpassword=secret&password=secret&sslmode=require";
        let shown = DatabaseUrl::parse(url).unwrap().without_password();
        assert_eq!(shown.as_deref(), Some("postgres://me@h/d?sslmode=require"));
        let odd = DatabaseUrl::parse("mysql://me:secret@db/x").unwrap_err();
        assert!(!odd.to_string().contains("secret"));
    }
}
