//! The commands `backup`, `restore` and `move`.

use std::error::Error;
use std::path::Path;
use std::sync::mpsc::sync_channel;

use orders_db::DatabaseUrl;

use super::doctor;
use super::interrupt::Interrupt;

pub(crate) fn back_up(database: &DatabaseUrl, file: &Path) -> Result<(), Box<dyn Error>> {
    if let Some(url) = database.without_password() {
        let file = file.display();
        return Err(format!(
            "PostgreSQL has its own backup tool; run: \
             pg_dump --format=custom --file='{file}' '{url}'"
        )
        .into());
    }
    let interrupt = Interrupt::watch()?;
    let (sender, receiver) = sync_channel(1);
    let (from, to) = (database.clone(), file.to_owned());
    // SQLite cannot be interrupted there. The thread ends with the process.
    std::thread::spawn(move || drop(sender.send(orders_db::backup(&from, &to))));
    let Ok(backed_up) = interrupt.receive(&receiver) else {
        drop(std::fs::remove_file(orders_db::partial_of(file)));
        return Err(format!("interrupted; {} was not written", file.display()).into());
    };
    backed_up.ok_or("the backup has panicked")??;
    log::info!("{database}: backed up to {} and verified", file.display());
    Ok(())
}

pub(crate) fn restore(database: &DatabaseUrl, file: &Path) -> Result<(), Box<dyn Error>> {
    if let Some(url) = database.without_password() {
        let file = file.display();
        return Err(format!(
            "PostgreSQL has its own tool, which restores into an empty database; run: \
             pg_restore --exit-on-error --single-transaction --dbname='{url}' '{file}'"
        )
        .into());
    }
    match orders_db::restore(database, file)? {
        Some(previous) => {
            log::info!("{database}: restored; the previous database is {}", previous.display());
        }
        None => log::info!("{database}: restored"),
    }
    Ok(())
}

/// Moves a database and prints the checksums of its tables.
pub(crate) fn move_to(database: &DatabaseUrl, to: &str) -> Result<(), Box<dyn Error>> {
    let to = DatabaseUrl::parse(to)?;
    let checksums = orders_db::move_to_postgres(database, &to, |table, rows| {
        log::debug!("{table}: {rows} rows sent");
    })?;
    doctor::print_checksums(&checksums)?;
    log::info!("{database}: moved to {to}; {} tables are identical", checksums.len());
    Ok(())
}
