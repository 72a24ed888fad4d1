//! The command `export`: all services and orders as of one moment.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use orders_core::order::Group;
use orders_core::{Order, OrderId};
use orders_db::{DatabaseUrl, ExportPart, StoreError};

use crate::cli::database::lock_existing;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{OutputError, UsageError};
use crate::cli::{ExportOptions, FileFormat};

/// The format of a file, by its extension.
pub(crate) fn format_of(file: &Path) -> Option<FileFormat> {
    match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "json" => Some(FileFormat::Json),
        "ndjson" | "jsonl" => Some(FileFormat::Ndjson),
        "csv" => Some(FileFormat::Csv),
        _ => None,
    }
}

pub(crate) fn run(database: &DatabaseUrl, options: &ExportOptions) -> Result<(), Box<dyn Error>> {
    let file = options.file.as_deref().filter(|file| *file != Path::new("-"));
    let format = match (options.format, file) {
        (Some(format), _) => format,
        (None, Some(file)) if file.extension().is_some() => format_of(file).ok_or_else(|| {
            let file = file.display();
            UsageError(format!(
                "{file}: the extension is no format; use --format json, ndjson or csv"
            ))
        })?,
        (None, _) => FileFormat::Json,
    };
    let _in_use = lock_existing(database)?;
    let Some(file) = file else {
        return write(database, format, std::io::stdout().lock(), None).map_err(|error| {
            match error.downcast::<io::Error>() {
                Ok(error) => OutputError(*error).into(),
                Err(error) => error,
            }
        });
    };
    let named = |error: &dyn Error| format!("cannot write {}: {error}", file.display());
    // A pipe or a device cannot be replaced.
    if std::fs::metadata(file).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let out = File::options().write(true).open(file).map_err(|error| named(&error))?;
        return write(database, format, out, None).map_err(|error| named(&*error).into());
    }
    replace(database, format, file)
        .map_err(|error| if error.is::<StoreError>() { error } else { named(&*error).into() })
}

/// Writes a file under another name first, so that it is whole.
fn replace(database: &DatabaseUrl, format: FileFormat, file: &Path) -> Result<(), Box<dyn Error>> {
    if file.is_dir() {
        return Err("it is a directory".into());
    }
    let interrupt = Interrupt::watch()?;
    let partial = orders_db::partial_of(file);
    let out = File::create(&partial)?;
    let written = write(database, format, &out, Some(&interrupt)).and_then(|()| {
        out.sync_all()?;
        Ok(std::fs::rename(&partial, file)?)
    });
    if written.is_err() {
        drop(std::fs::remove_file(&partial));
    }
    written
}

fn write(
    database: &DatabaseUrl,
    format: FileFormat,
    out: impl Write,
    interrupt: Option<&Interrupt>,
) -> Result<(), Box<dyn Error>> {
    let mut writer = Writer {
        out: BufWriter::new(out),
        format,
        groups: Groups::default(),
        services: 0,
        orders: 0,
        is_among_orders: false,
    };
    writer.begin()?;
    orders_db::export(database, |part| {
        interrupt.map_or(Ok(()), Interrupt::check)?;
        writer.add(part)
    })?;
    writer.end()?;
    let Writer { services, orders, .. } = writer;
    log::info!("exported {services} services and {orders} orders");
    Ok(())
}

/// The exemption groups of more than one order. The id of the first exported order names its group
/// in the file.
#[derive(Default)]
struct Groups {
    shared: HashSet<Group>,
    names: HashMap<Group, OrderId>,
}

impl Groups {
    fn name(&mut self, order: &Order) -> Option<&OrderId> {
        if !self.shared.contains(&order.group) {
            return None;
        }
        Some(self.names.entry(order.group).or_insert_with(|| order.id.clone()))
    }
}

struct Writer<W: Write> {
    out: BufWriter<W>,
    format: FileFormat,
    groups: Groups,
    services: u64,
    orders: u64,
    /// Whether the list of services has ended.
    is_among_orders: bool,
}

const COLUMNS: [&str; 8] =
    ["id", "datetime", "totalfee", "services", "version", "created_at", "updated_at", "group"];

impl<W: Write> Writer<W> {
    fn begin(&mut self) -> std::io::Result<()> {
        match self.format {
            FileFormat::Json => self.out.write_all(b"{\"services\":["),
            FileFormat::Ndjson => Ok(()),
            FileFormat::Csv => {
                self.out.write_all(COLUMNS.join(",").as_bytes())?;
                self.out.write_all(b"\r\n")
            }
        }
    }

    fn add(&mut self, part: ExportPart) -> Result<(), Box<dyn Error>> {
        match part {
            ExportPart::SharedGroups(shared) => self.groups.shared = shared,
            ExportPart::Services(services) => {
                for service in services {
                    self.services += 1;
                    if self.format == FileFormat::Json {
                        let between = if self.services > 1 { ",\n" } else { "\n" };
                        self.out.write_all(between.as_bytes())?;
                        serde_json::to_writer(
                            &mut self.out,
                            &crate::services::response::ServiceView::new(&service),
                        )?;
                    }
                }
            }
            ExportPart::Orders(orders) => {
                self.begin_orders()?;
                for order in &orders {
                    self.add_order(order)?;
                }
            }
        }
        Ok(())
    }

    fn begin_orders(&mut self) -> std::io::Result<()> {
        let is_first = !std::mem::replace(&mut self.is_among_orders, true);
        if is_first && self.format == FileFormat::Json {
            self.out.write_all(b"\n],\"orders\":[")?;
        }
        Ok(())
    }

    fn add_order(&mut self, order: &Order) -> Result<(), Box<dyn Error>> {
        self.orders += 1;
        let group = self.groups.name(order);
        let mut row = Vec::new();
        match self.format {
            FileFormat::Json => {
                row.extend_from_slice(if self.orders > 1 { b",\n" } else { b"\n" });
                crate::orders::import_request::write_exported(&mut row, order, group)?;
            }
            FileFormat::Ndjson => {
                crate::orders::import_request::write_exported(&mut row, order, group)?;
                row.push(b'\n');
            }
            // No cell needs quotes.
            FileFormat::Csv => {
                let content = &order.content;
                let numbers: Vec<String> =
                    content.services.iter().map(|id| id.to_string()).collect();
                let cells = [
                    order.id.as_str(),
                    &content.datetime.to_string(),
                    &content.total_fee.to_string(),
                    &numbers.join(" "),
                    &order.version.to_string(),
                    &order.created_at.to_string(),
                    &order.updated_at.to_string(),
                    group.map_or("", OrderId::as_str),
                ];
                row.extend_from_slice(cells.join(",").as_bytes());
                row.extend_from_slice(b"\r\n");
            }
        }
        Ok(self.out.write_all(&row)?)
    }

    fn end(&mut self) -> std::io::Result<()> {
        if self.format == FileFormat::Json {
            self.out.write_all(b"\n]}\n")?;
        }
        self.out.flush()
    }
}
