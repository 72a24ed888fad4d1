//! The key cache: all keys in memory, read again when a counter in the database has changed. A request
//! needs no query, and a change takes effect in every process within the polling interval.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::time::{Duration, Instant as Moment};

use diesel::prelude::*;
use orders_core::Timestamp;
use orders_core::key::{Key, KeyId, Secret};

use super::{KeyRow, list_secrets};
use crate::StoreError;
use crate::database::connection::{AnyConnection, Manager};
use crate::database::error::DbError;
use crate::database::schema::{api_key_state, api_keys};
use crate::database::{clock, transaction};
use crate::keys::sessions::{self, EndedSessions, Session};
use crate::write::queue::Reply;

/// The polling interval, well within the second that a revocation may take.
const INTERVAL: Duration = Duration::from_millis(400);
/// The least time between two polls, so that wrong keys cannot keep the database busy.
const LEAST_INTERVAL: Duration = Duration::from_millis(50);
/// The resolution of the last use of a key, in milliseconds.
const USE_RESOLUTION_MS: i64 = 60_000;

/// All keys at one moment.
#[derive(Debug)]
pub struct KeyTable {
    /// Whether authentication is required: a key exists or has existed.
    pub required: bool,
    entries: Arc<HashMap<KeyId, KeyEntry>>,
    ended: Arc<EndedSessions>,
    session_secret: [u8; 32],
    version: i64,
    /// That moment, by this process's monotonic clock.
    read_at: Moment,
    /// That moment, by the database's clock.
    now: Timestamp,
}

/// A key with its secrets.
#[derive(Debug)]
pub struct KeyEntry {
    /// The key.
    pub key: Key,
    /// Its secrets: one, or two during a rotation.
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
    /// Finds a key, valid or not.
    #[must_use]
    pub fn find(&self, id: &KeyId) -> Option<&KeyEntry> {
        self.entries.get(id)
    }

    /// Returns `true` if a session was ended early.
    #[must_use]
    pub fn is_ended(&self, session: &Session) -> bool {
        self.ended.has(session)
    }

    /// Returns the secret that sessions are sealed with.
    #[must_use]
    pub fn session_secret(&self) -> &[u8; 32] {
        &self.session_secret
    }

    /// Returns the time since the keys were read.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.read_at.elapsed()
    }

    /// Returns the current time by the database's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.age().as_millis()).unwrap_or(i64::MAX);
        let now = self.now.as_millis().saturating_add(passed);
        Timestamp::from_millis(now).unwrap_or(Timestamp::MAX)
    }
}

impl KeyEntry {
    /// Records a use of the key.
    pub fn record_use(&self, now: Timestamp) {
        self.uses.last.fetch_max(now.as_millis(), Ordering::Relaxed);
    }
}

/// The cache of the newest table.
pub(crate) struct KeyCache(RwLock<Arc<KeyTable>>);

impl KeyCache {
    /// Reads the first table.
    pub(crate) fn open(connection: &mut AnyConnection) -> Result<Self, StoreError> {
        Ok(Self(RwLock::new(Arc::new(load(connection, None)?))))
    }

    pub(crate) fn table(&self) -> Arc<KeyTable> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn refresh(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let table = load(connection, Some(&self.table()))?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        Ok(())
    }
}

/// Refreshes the table until the sender of `requests` is dropped. A request gets its reply after a
/// refresh that began after it.
pub(crate) fn watch(cache: &KeyCache, manager: &Manager, requests: &mpsc::Receiver<Reply<()>>) {
    let mut connection = None;
    loop {
        let mut replies = match requests.recv_timeout(INTERVAL) {
            Ok(reply) => {
                // One refresh serves all requests that wait.
                std::thread::sleep(LEAST_INTERVAL.saturating_sub(cache.table().age()));
                vec![reply]
            }
            Err(mpsc::RecvTimeoutError::Timeout) => Vec::new(),
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        };
        replies.extend(requests.try_iter());
        let refreshed = refresh(cache, manager, &mut connection);
        if let Err(error) = &refreshed {
            log::debug!("cannot refresh the keys: {error}");
        }
        for reply in replies {
            reply(refreshed.clone());
        }
    }
}

fn refresh(
    cache: &KeyCache,
    manager: &Manager,
    connection: &mut Option<AnyConnection>,
) -> Result<(), StoreError> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => manager.open()?,
    };
    cache.refresh(&mut open)?;
    *connection = Some(open);
    Ok(())
}

/// Reads the table; reuses the entries of the one before if nothing has changed.
fn load(connection: &mut AnyConnection, before: Option<&KeyTable>) -> Result<KeyTable, StoreError> {
    // Before the query, so that the table never seems newer than it is.
    let read_at = Moment::now();
    let now = clock::now(connection)?;
    let StateRow { version, required, session_secret } = state(connection)?;
    let session_secret = session_secret
        .try_into()
        .map_err(|_bytes| StoreError::Corrupt("the session secret has not 32 bytes".to_owned()))?;
    let (entries, ended) = match before.filter(|before| before.version == version) {
        Some(before) => (Arc::clone(&before.entries), Arc::clone(&before.ended)),
        None => (Arc::new(entries(connection, before)?), Arc::new(sessions::list(connection)?)),
    };
    let required = required != 0;
    Ok(KeyTable { required, entries, ended, session_secret, version, read_at, now })
}

/// The row of `api_key_state`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = api_key_state)]
struct StateRow {
    version: i64,
    required: i32,
    session_secret: Vec<u8>,
}

fn state(connection: &mut AnyConnection) -> Result<StateRow, StoreError> {
    api_key_state::table
        .select(StateRow::as_select())
        .first(connection)
        .map_err(|error| StoreError::from_read(&error))
}

/// Reads all keys. Runs after the version is read, so the next poll reads them again if they change
/// meanwhile.
fn entries(
    connection: &mut AnyConnection,
    before: Option<&KeyTable>,
) -> Result<HashMap<KeyId, KeyEntry>, StoreError> {
    transaction::read_only(connection, |connection| {
        let rows: Vec<KeyRow> = api_keys::table
            .select(KeyRow::as_select())
            .load(connection)
            .map_err(|error| StoreError::from_read(&error))?;
        let mut entries = HashMap::with_capacity(rows.len());
        for row in rows {
            let key = row.into_key()?;
            let uses = before.and_then(|before| before.find(&key.id));
            let uses = uses.map(|entry| Arc::clone(&entry.uses)).unwrap_or_default();
            let stored = key.last_used_at.map_or(0, Timestamp::as_millis);
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

/// Stores when keys were last used.
pub(crate) fn flush_uses(table: &KeyTable, manager: &Manager) -> Result<(), DbError> {
    let is_newer = |entry: &&KeyEntry| {
        let stored = entry.uses.stored.load(Ordering::Relaxed);
        entry.uses.last.load(Ordering::Relaxed) - stored >= USE_RESOLUTION_MS
    };
    let mut connection = None;
    for KeyEntry { key, uses, .. } in table.entries.values().filter(is_newer) {
        let last = uses.last.load(Ordering::Relaxed);
        let open = match &mut connection {
            Some(open) => open,
            none @ None => none.insert(manager.open()?),
        };
        let older = api_keys::last_used_ms.is_null().or(api_keys::last_used_ms.lt(last));
        diesel::update(api_keys::table.find(key.id.as_str()).filter(older))
            .set(api_keys::last_used_ms.eq(last))
            .execute(open)
            .map_err(|error| DbError::from_diesel(&error))?;
        uses.stored.store(last, Ordering::Relaxed);
    }
    Ok(())
}
