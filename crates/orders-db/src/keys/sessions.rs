//! Browser sessions that were ended early, and the secret that all are sealed with. Other sessions need
//! no row: their holder and end are sealed into them.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_query;
use orders_core::Timestamp;

use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::rows;
use crate::database::schema::{api_key_state, ended_sessions};

/// How many ended sessions are stored for one holder. Beyond that, all sessions of the holder up to
/// the latest end are ended, so that the rows do not grow without bound.
const MOST: i64 = 64;
/// The id for all sessions of a holder.
pub(super) const ALL: &str = "";

/// A browser session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its holder: the id of a key, or the name of another credential.
    pub holder: String,
    /// Its id among the holder's sessions; not empty.
    pub id: String,
    /// When it ends.
    pub end: Timestamp,
}

/// A row of `ended_sessions`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = ended_sessions)]
struct SessionRow {
    holder: String,
    session: String,
    end_ms: i64,
}

/// The sessions that were ended early.
#[derive(Debug, Default)]
pub(crate) struct EndedSessions(HashMap<String, EndedOfHolder>);

#[derive(Debug, Default)]
struct EndedOfHolder {
    sessions: HashSet<String>,
    /// All sessions that end by then are ended.
    all_until: Option<Timestamp>,
}

impl EndedSessions {
    pub(crate) fn has(&self, session: &Session) -> bool {
        self.0.get(&session.holder).is_some_and(|of| {
            of.sessions.contains(&session.id) || of.all_until.is_some_and(|end| session.end <= end)
        })
    }
}

/// Lists all.
pub(crate) fn list(connection: &mut AnyConnection) -> Result<EndedSessions, StoreError> {
    let rows: Vec<SessionRow> = ended_sessions::table
        .select(SessionRow::as_select())
        .load(connection)
        .map_err(|error| StoreError::from_read(&error))?;
    let mut ended = EndedSessions::default();
    for SessionRow { holder, session, end_ms } in rows {
        let of = ended.0.entry(holder).or_default();
        if session == ALL {
            of.all_until = Some(rows::timestamp(end_ms)?);
        } else {
            of.sessions.insert(session);
        }
    }
    Ok(ended)
}

/// Replaces the secret of all sessions, which ends them.
pub(crate) fn rotate_secret(connection: &mut AnyConnection) -> Result<(), DbError> {
    // The random bits of two UUIDs. Other random bytes need an extension of PostgreSQL.
    const POSTGRES: &str = "\
UPDATE api_key_state SET version = version + 1, session_secret = \
decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')";
    const SQLITE: &str =
        "UPDATE api_key_state SET version = version + 1, session_secret = randomblob(32)";
    match connection {
        AnyConnection::Postgres(connection) => sql_query(POSTGRES).execute(connection),
        AnyConnection::Sqlite(connection) => sql_query(SQLITE).execute(connection),
    }
    .map(drop)
    .map_err(|error| DbError::from_diesel(&error))
}

/// Ends a session. Other processes notice it like a change to the keys.
pub(crate) fn end(
    connection: &mut AnyConnection,
    session: &Session,
    now: Timestamp,
) -> QueryResult<()> {
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
    let (holder, session) = (session.holder.clone(), id.to_owned());
    insert(connection, &SessionRow { holder, session, end_ms })?;
    diesel::update(api_key_state::table)
        .set(api_key_state::version.eq(api_key_state::version + 1))
        .execute(connection)
        .map(drop)
}

/// Inserts a row, unless it exists.
fn insert(connection: &mut AnyConnection, row: &SessionRow) -> QueryResult<usize> {
    let insert = diesel::insert_into(ended_sessions::table).values(row);
    match connection {
        AnyConnection::Postgres(connection) => insert.on_conflict_do_nothing().execute(connection),
        AnyConnection::Sqlite(connection) => insert.on_conflict_do_nothing().execute(connection),
    }
}
