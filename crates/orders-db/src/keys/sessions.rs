//! Sessions of browsers that were ended before their time. All others need no row: who they belong
//! to, and until when they last, is signed into them.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use orders_core::Instant;

use crate::connection::AnyConnection;
use crate::database::error::Trouble;
use crate::schema::{api_key_state, ended_sessions};
use crate::{StoreError, clock, rows, transaction};

/// How many of a holder's are remembered by themselves. Beyond that, the rows would grow with whoever
/// signs in and out all day: then all that the holder has begun up to the last of them are ended.
const MOST: i64 = 64;
/// What stands for all of a holder's.
const ALL: &str = "";

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose it is: the id of a key, or what stands for another one.
    pub holder: String,
    /// Which of the holder's; not empty.
    pub id: String,
    /// Until when it lasts.
    pub end: Instant,
}

/// The sessions that were ended and would last otherwise.
#[derive(Debug, Default)]
pub(crate) struct Ended(HashMap<String, OfHolder>);

#[derive(Debug, Default)]
struct OfHolder {
    sessions: HashSet<String>,
    /// All that last until then at most.
    all_until: Option<Instant>,
}

impl Ended {
    pub(crate) fn has(&self, session: &Session) -> bool {
        self.0.get(&session.holder).is_some_and(|of| {
            of.sessions.contains(&session.id) || of.all_until.is_some_and(|end| session.end <= end)
        })
    }
}

/// All that were ended.
pub(crate) fn list(connection: &mut AnyConnection) -> Result<Ended, StoreError> {
    let rows: Vec<(String, String, i64)> = ended_sessions::table
        .select((ended_sessions::holder, ended_sessions::session, ended_sessions::end_ms))
        .load(connection)
        .map_err(|error| StoreError::of_read(&error))?;
    let mut ended = Ended::default();
    for (holder, session, end_ms) in rows {
        let of = ended.0.entry(holder).or_default();
        if session == ALL {
            of.all_until = Some(rows::instant(end_ms)?);
        } else {
            of.sessions.insert(session);
        }
    }
    Ok(ended)
}

/// Ends one. Every process learns of it as it does of changes to keys.
pub(crate) fn end(connection: &mut AnyConnection, session: &Session) -> Result<(), Trouble> {
    transaction::begin(connection)?;
    let written = clock::now(connection).and_then(|now| {
        write(connection, session, now).map_err(|error| Trouble::of(&error))?;
        transaction::commit(connection)
    });
    if written.is_err() {
        transaction::roll_back(connection);
    }
    written
}

fn write(connection: &mut AnyConnection, session: &Session, now: Instant) -> QueryResult<()> {
    diesel::delete(ended_sessions::table.filter(ended_sessions::end_ms.le(now.as_millis())))
        .execute(connection)?;
    let own = || ended_sessions::table.filter(ended_sessions::holder.eq(&session.holder));
    let number: i64 = own().count().get_result(connection)?;
    let (mut id, mut end_ms) = (session.id.as_str(), session.end.as_millis());
    if number >= MOST {
        let last: Option<i64> =
            own().select(diesel::dsl::max(ended_sessions::end_ms)).first(connection)?;
        (id, end_ms) = (ALL, end_ms.max(last.unwrap_or(end_ms)));
        diesel::delete(own()).execute(connection)?;
    }
    insert(connection, &session.holder, id, end_ms)?;
    diesel::update(api_key_state::table)
        .set(api_key_state::version.eq(api_key_state::version + 1))
        .execute(connection)
        .map(drop)
}

/// Notes one; again, if it was.
fn insert(
    connection: &mut AnyConnection,
    holder: &str,
    id: &str,
    end_ms: i64,
) -> QueryResult<usize> {
    let statement = "INSERT INTO ended_sessions (holder, session, end_ms) VALUES ($1, $2, $3) \
                     ON CONFLICT DO NOTHING";
    let insert = diesel::sql_query(statement)
        .bind::<Text, _>(holder)
        .bind::<Text, _>(id)
        .bind::<BigInt, _>(end_ms);
    match connection {
        AnyConnection::Postgres(connection) => insert.execute(connection),
        AnyConnection::Sqlite(connection) => insert.execute(connection),
    }
}
