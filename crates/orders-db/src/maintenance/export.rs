//! Reads everything that an export contains, at one moment.

use std::collections::HashSet;

use diesel::dsl::count_star;
use diesel::prelude::*;
use orders_core::order::Group;
use orders_core::{Order, Service, ServiceId};

use crate::database::connection::AnyConnection;
use crate::database::long_reads::open_without_timeouts;
use crate::database::schema::orders;
use crate::database::url::DatabaseUrl;
use crate::database::{rows, transaction};
use crate::orders::{OrderQuery, list};
use crate::{StoreError, services};

/// How many rows are read at once.
const PAGE: usize = 1_000;

/// The parts of an export, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportPart {
    /// The exemption groups with more than one order. Once.
    SharedGroups(HashSet<Group>),
    /// A page of services, by number.
    Services(Vec<Service>),
    /// A page of orders, by time and id.
    Orders(Vec<Order>),
}

/// Reads all services and orders at one moment, while others may write. Blocks. Keeps one page and the
/// shared groups in memory.
///
/// # Errors
/// The errors of `visit`, [`StoreError::Unavailable`] and [`StoreError::Corrupt`].
pub fn export<E: From<StoreError>>(
    url: &DatabaseUrl,
    mut visit: impl FnMut(ExportPart) -> Result<(), E>,
) -> Result<(), E> {
    let mut connection = open_without_timeouts(url)?;
    transaction::read_only(&mut connection, |connection| Ok(read_all(connection, &mut visit)))?
}

fn read_all<E: From<StoreError>>(
    connection: &mut AnyConnection,
    visit: &mut impl FnMut(ExportPart) -> Result<(), E>,
) -> Result<(), E> {
    visit(ExportPart::SharedGroups(shared_groups(connection)?))?;
    let mut after: Option<ServiceId> = None;
    loop {
        let page = services::list(connection, after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        visit(ExportPart::Services(page))?;
    }
    let mut query = OrderQuery::default();
    loop {
        let page = list(connection, &query, PAGE)?;
        visit(ExportPart::Orders(page.orders))?;
        query.after = page.next;
        if query.after.is_none() {
            return Ok(());
        }
    }
}

fn shared_groups(connection: &mut AnyConnection) -> Result<HashSet<Group>, StoreError> {
    let shared: Vec<i64> = orders::table
        .group_by(orders::grp)
        .having(count_star().gt(1))
        .select(orders::grp)
        .load(connection)
        .map_err(|error| StoreError::from_read(&error))?;
    shared.into_iter().map(rows::group).collect()
}
