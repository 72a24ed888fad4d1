//! Connections for maintenance, whose reads may take long.

use diesel::connection::SimpleConnection;

use crate::StoreError;
use crate::database::connection::{AnyConnection, Manager, Purpose};
use crate::database::url::DatabaseUrl;

/// Opens an existing database for reads of any length.
pub(crate) fn open_without_timeouts(url: &DatabaseUrl) -> Result<AnyConnection, StoreError> {
    url.check_exists()?;
    let mut connection = Manager::new(url, Purpose::List).open()?;
    if let AnyConnection::Postgres(connection) = &mut connection {
        connection
            .batch_execute(
                "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;",
            )
            .map_err(|error| StoreError::from_read(&error))?;
    }
    Ok(connection)
}
