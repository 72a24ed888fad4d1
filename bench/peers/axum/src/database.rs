//! The tables, over pipelined connections.

mod statements;

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, NoTls, Row, Statement};

use crate::wire::Order;

pub(crate) const WINDOW_MS: i64 = 3 * 60 * 60 * 1000;

/// A connection commits one transaction at a time. This many commit together, which is several times
/// faster with 64 clients than one per worker. More do not help.
const WRITERS: usize = 32;

/// The service's tables and constraint. A sequence numbers the orders, so no transaction waits.
const SCHEMA: [&str; 3] = [
    include_str!("../../../../migrations/postgres/2026-11-21-000000_orders/up.sql"),
    include_str!("../../../../migrations/postgres/2026-11-21-000200_orders_by_created_at/up.sql"),
    "CREATE SEQUENCE peer_number;",
];

pub(crate) struct Database {
    readers: Connections,
    writers: Connections,
}

/// Connections that requests use in turn.
struct Connections {
    all: Vec<Connection>,
    next: AtomicUsize,
}

struct Connection {
    client: Client,
    create: Statement,
    replace: Statement,
    find: Statement,
    page: Statement,
}

/// Why a request failed.
pub(crate) enum Failure {
    Invalid(String),
    NotFound,
    Exists,
    TooClose { order_id: String, start_ms: i64, asked_ms: i64 },
    Database(Error),
}

impl Database {
    /// Connects and creates the schema if the database is empty.
    pub(crate) async fn open(url: &str) -> Result<Self, Error> {
        let client = connect(url).await?;
        let exists = client.query_one("SELECT to_regclass('orders') IS NOT NULL", &[]).await?;
        if !exists.get::<_, bool>(0) {
            for statements in SCHEMA {
                client.batch_execute(statements).await?;
            }
        }
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        // Reads have their own connections, so that they do not wait for commits.
        Ok(Self {
            readers: Connections::open(url, workers).await?,
            writers: Connections::open(url, WRITERS).await?,
        })
    }

    pub(crate) async fn create_service(&self, id: i64, name: &str) -> Result<(), Failure> {
        let statement = "INSERT INTO services (id, name, name_key) VALUES ($1, $2, $3)";
        let client = &self.writers.next().client;
        client.execute(statement, &[&id, &name, &name.to_lowercase()]).await?;
        Ok(())
    }

    /// Stores the order unless another is too close.
    pub(crate) async fn create(&self, order: &Order) -> Result<(), Failure> {
        let connection = self.writers.next();
        loop {
            let Order { id, datetime_ms, total_fee, created_at_ms, services, .. } = order;
            let stored = services_text(order);
            let row = connection
                .client
                .query_opt(
                    &connection.create,
                    &[id, datetime_ms, total_fee, &stored, services, created_at_ms],
                )
                .await?;
            // No row: another create won after this statement's snapshot. The next statement sees it.
            let Some(row) = row else { continue };
            let Some(order_id) = row.get::<_, Option<String>>(0) else { return Ok(()) };
            return Err(Failure::TooClose {
                order_id,
                start_ms: row.get(1),
                asked_ms: *datetime_ms,
            });
        }
    }

    pub(crate) async fn find(&self, id: &str) -> Result<Order, Failure> {
        let connection = self.readers.next();
        let row = connection.client.query_opt(&connection.find, &[&id]).await?;
        row.map(|row| Order::of(&row)).ok_or(Failure::NotFound)
    }

    /// The first orders by time, from a given time.
    pub(crate) async fn page(&self, from_ms: i64, limit: i64) -> Result<Vec<Order>, Failure> {
        let connection = self.readers.next();
        let rows = connection.client.query(&connection.page, &[&from_ms, &limit]).await?;
        Ok(rows.iter().map(Order::of).collect())
    }

    /// Replaces the order with the same id.
    pub(crate) async fn replace(&self, order: Order) -> Result<Order, Failure> {
        let connection = self.writers.next();
        loop {
            let old = self.find(&order.id).await?;
            let Order { id, datetime_ms, total_fee, updated_at_ms, services, .. } = &order;
            let stored = services_text(&order);
            let version = old.version + 1;
            let replaced = connection
                .client
                .query_opt(
                    &connection.replace,
                    &[
                        id,
                        datetime_ms,
                        total_fee,
                        &stored,
                        services,
                        updated_at_ms,
                        &old.version,
                        &old.datetime_ms,
                        &old.services,
                    ],
                )
                .await;
            match replaced {
                // Changed since it was read.
                Ok(None) => {}
                Ok(Some(_)) => {
                    return Ok(Order { version, created_at_ms: old.created_at_ms, ..order });
                }
                Err(error) if error.code() == Some(&SqlState::EXCLUSION_VIOLATION) => {
                    return self.in_the_way(id, *datetime_ms).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn in_the_way(&self, id: &str, asked_ms: i64) -> Result<Order, Failure> {
        let client = &self.readers.next().client;
        let row = client.query_opt(statements::IN_THE_WAY, &[&asked_ms, &id, &WINDOW_MS]).await?;
        let row = row.ok_or(Failure::Exists)?;
        Err(Failure::TooClose { order_id: row.get(0), start_ms: row.get(1), asked_ms })
    }
}

impl Connections {
    async fn open(url: &str, number: usize) -> Result<Self, Error> {
        let mut all = Vec::new();
        for _ in 0..number {
            all.push(Connection::open(url).await?);
        }
        Ok(Self { all, next: AtomicUsize::new(0) })
    }

    fn next(&self) -> &Connection {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        // Never empty, because there is at least one worker.
        &self.all[turn % self.all.len()]
    }
}

impl Connection {
    async fn open(url: &str) -> Result<Self, Error> {
        let client = connect(url).await?;
        // Plan by key even while the tables are small.
        client
            .batch_execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
            .await?;
        Ok(Self {
            create: client.prepare(statements::CREATE).await?,
            replace: client.prepare(statements::REPLACE).await?,
            find: client.prepare(statements::FIND).await?,
            page: client.prepare(statements::PAGE).await?,
            client,
        })
    }
}

async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("{error}");
        }
    });
    Ok(client)
}

impl Order {
    fn of(row: &Row) -> Self {
        let services: String = row.get(3);
        Self {
            id: row.get(0),
            datetime_ms: row.get(1),
            total_fee: row.get(2),
            services: serde_json::from_str(&services).unwrap_or_default(),
            version: row.get(4),
            created_at_ms: row.get(5),
            updated_at_ms: row.get(6),
        }
    }
}

fn services_text(order: &Order) -> String {
    serde_json::to_string(&order.services).unwrap_or_default()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.code() {
            Some(code) if *code == SqlState::UNIQUE_VIOLATION => Self::Exists,
            Some(code) if *code == SqlState::FOREIGN_KEY_VIOLATION => {
                Self::Invalid("services: unknown".to_owned())
            }
            _ => Self::Database(error),
        }
    }
}
