//! Reads and changes services.

use std::collections::BTreeSet;

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::select;
use diesel::sql_types::BigInt;
use orders_core::service::{
    ServiceChange, ServiceCommand, ServiceName, ServiceRefusal, ServiceSnapshot, decide_service,
};
use orders_core::{Service, ServiceId};

use crate::StoreError;
use crate::database::connection::AnyConnection;
use crate::database::error::DbError;
use crate::database::read_pool::ReadPool;
use crate::database::rows;
use crate::database::schema::{counters, deleted_services, order_services, services};
use crate::write::audit::{AuditAction, AuditRecord};
use crate::write::change::Change;

/// A row of `services`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = services)]
struct ServiceRow {
    id: i64,
    name: String,
    name_key: String,
}

impl ServiceRow {
    fn from_service(service: &Service) -> Self {
        let name = service.name.as_str().to_owned();
        Self { id: service.id.get(), name, name_key: service.name.key() }
    }

    fn into_service(self) -> Result<Service, StoreError> {
        from_columns(self.id, &self.name)
    }
}

/// Converts the columns `id` and `name` of a service.
pub(crate) fn from_columns(id: i64, name: &str) -> Result<Service, StoreError> {
    let name = ServiceName::parse(name)
        .map_err(|error| StoreError::Corrupt(format!("service {id}: {error}")))?;
    Ok(Service { id: rows::service_id(id)?, name })
}

impl ReadPool {
    /// Finds the services with these numbers. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn find_services(&self, ids: &BTreeSet<ServiceId>) -> Result<Vec<Service>, StoreError> {
        self.read(|connection| find_all(connection, ids))
    }

    /// Lists at most `limit` services whose numbers follow `after`. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Overloaded`].
    pub fn list_services(
        &self,
        after: Option<ServiceId>,
        limit: usize,
    ) -> Result<Vec<Service>, StoreError> {
        self.read(|connection| list(connection, after, limit))
    }
}

fn find(connection: &mut AnyConnection, id: ServiceId) -> Result<Option<Service>, StoreError> {
    let row = services::table.find(id.get()).select(ServiceRow::as_select());
    let row: Option<ServiceRow> =
        row.get_result(connection).optional().map_err(|error| StoreError::from_read(&error))?;
    row.map(ServiceRow::into_service).transpose()
}

/// Finds the services with these numbers that exist.
pub(crate) fn find_all(
    connection: &mut AnyConnection,
    ids: &BTreeSet<ServiceId>,
) -> Result<Vec<Service>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let rows: Vec<ServiceRow> = services::table
        .filter(services::id.eq_any(ids))
        .select(ServiceRow::as_select())
        .load(connection)
        .map_err(|error| StoreError::from_read(&error))?;
    rows.into_iter().map(ServiceRow::into_service).collect()
}

/// Lists at most `limit` services after `after`, by number.
pub(crate) fn list(
    connection: &mut AnyConnection,
    after: Option<ServiceId>,
    limit: usize,
) -> Result<Vec<Service>, StoreError> {
    let rows = list_rows(connection, after, limit)?;
    rows.into_iter().map(ServiceRow::into_service).collect()
}

/// Lists services like [`list`], each with the key of its name.
pub(crate) fn list_with_keys(
    connection: &mut AnyConnection,
    after: Option<ServiceId>,
    limit: usize,
) -> Result<Vec<(Service, String)>, StoreError> {
    let rows = list_rows(connection, after, limit)?;
    let read = |row: ServiceRow| Ok((from_columns(row.id, &row.name)?, row.name_key));
    rows.into_iter().map(read).collect()
}

fn list_rows(
    connection: &mut AnyConnection,
    after: Option<ServiceId>,
    limit: usize,
) -> Result<Vec<ServiceRow>, StoreError> {
    services::table
        .filter(services::id.gt(after.map_or(0, ServiceId::get)))
        .order(services::id.asc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(ServiceRow::as_select())
        .load(connection)
        .map_err(|error| StoreError::from_read(&error))
}

impl Change for ServiceCommand {
    type Snapshot = ServiceSnapshot;
    type Accepted = ServiceChange;
    type Refusal = ServiceRefusal;

    fn load(&self, connection: &mut AnyConnection) -> Result<ServiceSnapshot, DbError> {
        load(connection, self)
    }

    fn decide(&self, snapshot: &ServiceSnapshot) -> Result<ServiceChange, ServiceRefusal> {
        decide_service(snapshot, self)
    }

    fn store(
        connection: &mut AnyConnection,
        snapshot: &ServiceSnapshot,
        change: &ServiceChange,
    ) -> Result<(), DbError> {
        store(connection, change, snapshot.next_id).map_err(|error| DbError::from_diesel(&error))
    }

    fn audit(change: &ServiceChange) -> Option<AuditRecord> {
        let (action, id) = match change {
            ServiceChange::Created(service) => (AuditAction::ServiceCreated, service.id),
            ServiceChange::Replaced(service) => (AuditAction::ServiceUpdated, service.id),
            ServiceChange::Deleted(id) => (AuditAction::ServiceDeleted, *id),
            ServiceChange::Unchanged(_) => return None,
        };
        Some(AuditRecord::new(action, &id))
    }

    fn is_done(
        connection: &mut AnyConnection,
        change: &ServiceChange,
    ) -> Result<Option<bool>, DbError> {
        Ok(match change {
            ServiceChange::Created(service) => {
                // With another name it was renamed since, or another service was created.
                find(connection, service.id)?
                    .map_or(Some(false), |found| (found == *service).then_some(true))
            }
            ServiceChange::Replaced(service) => {
                Some(find(connection, service.id)?.as_ref() == Some(service))
            }
            ServiceChange::Deleted(id) => Some(find(connection, *id)?.is_none()),
            // Nothing was to be written.
            ServiceChange::Unchanged(_) => Some(true),
        })
    }
}

fn load(
    connection: &mut AnyConnection,
    command: &ServiceCommand,
) -> Result<ServiceSnapshot, DbError> {
    let error = |error| DbError::from_diesel(&error);
    let named = match command.id() {
        Some(id) => find(connection, id)?,
        None => None,
    };
    let holder_of_name = match command.name() {
        Some(name) => services::table
            .filter(services::name_key.eq(name.key()))
            .select(services::id)
            .get_result::<i64>(connection)
            .optional()
            .map_err(error)?
            .and_then(ServiceId::new),
        None => None,
    };
    let in_use = match command {
        ServiceCommand::Delete(id) => {
            let uses = order_services::table.filter(order_services::service_id.eq(id.get()));
            select(exists(uses)).get_result(connection).map_err(error)?
        }
        ServiceCommand::Create { .. } | ServiceCommand::Replace(_) => false,
    };
    let next_id = match command {
        ServiceCommand::Create { id: None, .. } => find_next_id(connection).map_err(error)?,
        ServiceCommand::Create { id: Some(_), .. }
        | ServiceCommand::Replace(_)
        | ServiceCommand::Delete(_) => None,
    };
    Ok(ServiceSnapshot { named, holder_of_name, in_use, next_id })
}

/// Finds the first number above the counter that no service has or had. Numbers that callers choose do
/// not move the counter, or one choice of the highest number would use up all others.
fn find_next_id(connection: &mut AnyConnection) -> QueryResult<Option<ServiceId>> {
    let counter = counters::table.select(counters::last_service_id);
    let mut next = counter.get_result::<i64>(connection)? + 1;
    loop {
        let used = list_used(connection, next)?;
        if used.is_empty() {
            return Ok(ServiceId::new(next));
        }
        for id in used {
            if id > next {
                return Ok(ServiceId::new(next));
            }
            next = id + 1;
        }
    }
}

#[derive(QueryableByName)]
struct UsedId {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Lists a page of the ids from `first` on that services have or had.
fn list_used(connection: &mut AnyConnection, first: i64) -> QueryResult<Vec<i64>> {
    const USED: &str = "SELECT id FROM services WHERE id >= $1 \
        UNION ALL SELECT id FROM deleted_services WHERE id >= $1 ORDER BY id LIMIT 1000";
    let query = diesel::sql_query(USED).bind::<BigInt, _>(first);
    let used: Vec<UsedId> = match connection {
        AnyConnection::Postgres(connection) => query.load(connection)?,
        AnyConnection::Sqlite(connection) => query.load(connection)?,
    };
    Ok(used.into_iter().map(|UsedId { id }| id).collect())
}

fn store(
    connection: &mut AnyConnection,
    change: &ServiceChange,
    next_id: Option<ServiceId>,
) -> QueryResult<()> {
    match change {
        ServiceChange::Created(service) => {
            diesel::insert_into(services::table)
                .values(ServiceRow::from_service(service))
                .execute(connection)?;
            diesel::delete(deleted_services::table.find(service.id.get())).execute(connection)?;
            // Only a number that the server assigned moves its counter.
            if next_id == Some(service.id) {
                diesel::update(counters::table)
                    .set(counters::last_service_id.eq(service.id.get()))
                    .execute(connection)?;
            }
        }
        ServiceChange::Replaced(service) => {
            diesel::update(services::table.find(service.id.get()))
                .set(ServiceRow::from_service(service))
                .execute(connection)?;
        }
        ServiceChange::Unchanged(_) => {}
        ServiceChange::Deleted(id) => {
            diesel::delete(services::table.find(id.get())).execute(connection)?;
            diesel::insert_into(deleted_services::table)
                .values(deleted_services::id.eq(id.get()))
                .execute(connection)?;
        }
    }
    Ok(())
}
