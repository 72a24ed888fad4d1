//! What this process knows of the keys: a table in memory, read again as soon as a counter in the
//! database says that they were changed. So a request costs the database nothing, and a change is
//! in force everywhere after the pause between two looks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::time::{Duration, Instant as Moment};

use diesel::prelude::*;
use orders_core::{Instant, Key, KeyId, Secret};

use super::{KeyRow, list_secrets};
use crate::connection::{AnyConnection, Manager};
use crate::database::error::Trouble;
use crate::keys::sessions::{self, Ended, Session};
use crate::lane::Reply;
use crate::schema::{api_key_state, api_keys};
use crate::{StoreError, clock, transaction};

/// How often the counter is looked at: well within the second that a revocation may take.
const PAUSE: Duration = Duration::from_millis(400);
/// The least time between two looks, so that wrong keys cannot keep the database busy.
const LEAST_PAUSE: Duration = Duration::from_millis(50);
/// How exactly it is kept when a key was last used, in milliseconds.
const USE_GRAIN_MS: i64 = 60_000;

/// All keys, as they were in the database at one moment.
#[derive(Debug)]
pub struct KeyTable {
    /// Whether any key has ever existed.
    pub required: bool,
    entries: Arc<HashMap<KeyId, KeyEntry>>,
    ended: Arc<Ended>,
    version: i64,
    /// When that moment was, by this process's clock that only goes forward.
    looked: Moment,
    /// When it was, by the database's clock.
    now: Instant,
}

/// A key with its secrets.
#[derive(Debug)]
pub struct KeyEntry {
    /// The key.
    pub key: Key,
    /// Its secrets: one, or two while it is rotated.
    pub secrets: Vec<Secret>,
    uses: Arc<Uses>,
}

/// When a key was used, in epoch milliseconds; 0 for never.
#[derive(Debug, Default)]
struct Uses {
    last: AtomicI64,
    stored: AtomicI64,
}

impl KeyTable {
    /// A key, whether it is of use or not.
    #[must_use]
    pub fn find(&self, id: &KeyId) -> Option<&KeyEntry> {
        self.entries.get(id)
    }

    /// Whether a session was ended before its time.
    #[must_use]
    pub fn is_ended(&self, session: &Session) -> bool {
        self.ended.has(session)
    }

    /// How long ago the database said that this is so.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.looked.elapsed()
    }

    /// The time, by the database's clock.
    #[must_use]
    pub fn now(&self) -> Instant {
        let passed = i64::try_from(self.age().as_millis()).unwrap_or(i64::MAX);
        let now = self.now.as_millis().saturating_add(passed);
        Instant::from_millis(now).unwrap_or(Instant::MAX)
    }
}

impl KeyEntry {
    /// Notes that the key was used.
    pub fn note_use(&self, now: Instant) {
        self.uses.last.fetch_max(now.as_millis(), Ordering::Relaxed);
    }
}

/// Where the newest table hangs.
pub(crate) struct Board(RwLock<Arc<KeyTable>>);

impl Board {
    /// Reads the first table.
    pub(crate) fn open(connection: &mut AnyConnection) -> Result<Self, StoreError> {
        Ok(Self(RwLock::new(Arc::new(load(connection, None)?))))
    }

    pub(crate) fn table(&self) -> Arc<KeyTable> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn look(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let table = load(connection, Some(&self.table()))?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        Ok(())
    }
}

/// Keeps the table current until nobody can ask any more. Whoever cannot wait for the next look
/// sends a reply, and is answered after one that was begun later.
pub(crate) fn watch(board: &Board, manager: &Manager, asked: &mpsc::Receiver<Reply<()>>) {
    let mut connection = None;
    loop {
        let mut replies = match asked.recv_timeout(PAUSE) {
            Ok(reply) => {
                // All who ask at once are answered by one look.
                std::thread::sleep(LEAST_PAUSE.saturating_sub(board.table().age()));
                vec![reply]
            }
            Err(mpsc::RecvTimeoutError::Timeout) => Vec::new(),
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        };
        replies.extend(asked.try_iter());
        let looked = look(board, manager, &mut connection);
        if let Err(error) = &looked {
            log::debug!("the keys could not be looked at: {error}");
        }
        for reply in replies {
            reply(looked.clone());
        }
    }
}

fn look(
    board: &Board,
    manager: &Manager,
    connection: &mut Option<AnyConnection>,
) -> Result<(), StoreError> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => manager.open()?,
    };
    board.look(&mut open)?;
    *connection = Some(open);
    Ok(())
}

/// Reads the table; what has not been changed since the one before is taken over from it.
fn load(connection: &mut AnyConnection, before: Option<&KeyTable>) -> Result<KeyTable, StoreError> {
    // Before the database is asked, so that what it answers is never taken for newer than it is.
    let looked = Moment::now();
    let now = clock::now(connection)?;
    let (version, required) = state(connection)?;
    let (entries, ended) = match before.filter(|before| before.version == version) {
        Some(before) => (Arc::clone(&before.entries), Arc::clone(&before.ended)),
        None => (Arc::new(entries(connection, before)?), Arc::new(sessions::list(connection)?)),
    };
    Ok(KeyTable { required, entries, ended, version, looked, now })
}

/// Which version the keys are in, and whether there ever were any.
fn state(connection: &mut AnyConnection) -> Result<(i64, bool), StoreError> {
    let (version, required): (i64, i32) = api_key_state::table
        .select((api_key_state::version, api_key_state::required))
        .first(connection)
        .map_err(|error| StoreError::of_read(&error))?;
    Ok((version, required != 0))
}

/// All keys. Read after the version: if they are changed meanwhile, the next look reads them again.
fn entries(
    connection: &mut AnyConnection,
    before: Option<&KeyTable>,
) -> Result<HashMap<KeyId, KeyEntry>, StoreError> {
    transaction::read_only(connection, |connection| {
        let rows: Vec<KeyRow> = api_keys::table
            .select(KeyRow::as_select())
            .load(connection)
            .map_err(|error| StoreError::of_read(&error))?;
        let mut entries = HashMap::with_capacity(rows.len());
        for row in rows {
            let key = row.into_key()?;
            let uses = before.and_then(|before| before.find(&key.id));
            let uses = uses.map(|entry| Arc::clone(&entry.uses)).unwrap_or_default();
            let stored = key.last_used_at.map_or(0, Instant::as_millis);
            uses.stored.fetch_max(stored, Ordering::Relaxed);
            entries.insert(key.id.clone(), KeyEntry { key, secrets: Vec::new(), uses });
        }
        for (id, secret) in list_secrets(connection)? {
            if let Some(entry) = entries.get_mut(&id) {
                entry.secrets.push(secret);
            }
        }
        Ok(entries)
    })
}

/// Writes down when keys were last used.
pub(crate) fn store_uses(table: &KeyTable, manager: &Manager) -> Result<(), Trouble> {
    let is_news = |entry: &&KeyEntry| {
        let stored = entry.uses.stored.load(Ordering::Relaxed);
        entry.uses.last.load(Ordering::Relaxed) - stored >= USE_GRAIN_MS
    };
    let mut connection = None;
    for KeyEntry { key, uses, .. } in table.entries.values().filter(is_news) {
        let last = uses.last.load(Ordering::Relaxed);
        let open = match &mut connection {
            Some(open) => open,
            none @ None => none.insert(manager.open()?),
        };
        let older = api_keys::last_used_ms.is_null().or(api_keys::last_used_ms.lt(last));
        diesel::update(api_keys::table.find(key.id.as_str()).filter(older))
            .set(api_keys::last_used_ms.eq(last))
            .execute(open)
            .map_err(|error| Trouble::of(&error))?;
        uses.stored.store(last, Ordering::Relaxed);
    }
    Ok(())
}
