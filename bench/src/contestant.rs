//! What is measured: the service, its peers, and the limits of the machine and the databases.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use crate::database::Engine;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Contestant {
    /// `orders-api` as it ships.
    Service,
    /// Two `orders-api` processes on one database.
    TwoServices,
    /// The same work with a transaction per request.
    Control,
    /// Express and Sequelize.
    Sequelize,
    /// axum and tokio-postgres.
    Axum,
    /// Fastify and better-sqlite3.
    Fastify,
    /// An actix-web server with a constant answer: the limit of HTTP and of the load generator.
    Constant,
    /// The same inserts without a server: the limit of SQLite.
    RawLoop,
    /// The same inserts by `pgbench`: the limit of PostgreSQL.
    Pgbench,
}

/// Paths of the programs.
pub(crate) struct Programs {
    pub(crate) service: PathBuf,
    /// The directory of the benchmark's own programs.
    pub(crate) built: PathBuf,
    /// The directory of the peers' source code.
    pub(crate) peers: PathBuf,
}

impl Contestant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::TwoServices => "two processes",
            Self::Control => "control",
            Self::Sequelize => "Express + Sequelize",
            Self::Axum => "axum + tokio-postgres",
            Self::Fastify => "Fastify + better-sqlite3",
            Self::Constant => "constant answer",
            Self::RawLoop => "raw loop",
            Self::Pgbench => "pgbench",
        }
    }

    /// Whether it runs on that database with that many clients.
    pub(crate) fn takes_part(self, engine: Engine, connections: usize) -> bool {
        match self {
            Self::Service | Self::TwoServices | Self::Control | Self::Constant => true,
            Self::Sequelize | Self::Axum => engine == Engine::Postgres,
            Self::Fastify => engine == Engine::Sqlite,
            // Has no clients. It is compared with one row only.
            Self::RawLoop => engine == Engine::Sqlite && connections == 64,
            Self::Pgbench => engine == Engine::Postgres && connections <= 64,
        }
    }

    pub(crate) fn is_peer(self) -> bool {
        match self {
            Self::Sequelize | Self::Axum | Self::Fastify => true,
            Self::Service
            | Self::TwoServices
            | Self::Control
            | Self::Constant
            | Self::RawLoop
            | Self::Pgbench => false,
        }
    }

    /// Whether it answers HTTP requests at one address, so that `wrk` can measure it.
    pub(crate) fn is_one_server(self) -> bool {
        match self {
            Self::Service
            | Self::Control
            | Self::Sequelize
            | Self::Axum
            | Self::Fastify
            | Self::Constant => true,
            Self::TwoServices | Self::RawLoop | Self::Pgbench => false,
        }
    }

    /// The contestant whose schema it uses.
    pub(crate) fn schema(self) -> Self {
        match self {
            Self::Service
            | Self::TwoServices
            | Self::Control
            | Self::Constant
            | Self::RawLoop
            | Self::Pgbench => Self::Service,
            Self::Sequelize | Self::Axum | Self::Fastify => self,
        }
    }
}

impl Programs {
    /// The server's command, without the address and the database.
    ///
    /// # Errors
    /// The contestant is not a server.
    pub(crate) fn command(&self, contestant: Contestant) -> io::Result<Command> {
        let own = |name: &str| Command::new(self.built.join(name));
        let node = |peer: &str| {
            let mut command = Command::new("node");
            // As in production. Express is slower otherwise.
            command.arg(self.peers.join(peer).join("server.js")).env("NODE_ENV", "production");
            command
        };
        match contestant {
            Contestant::Service | Contestant::TwoServices => Ok(Command::new(&self.service)),
            Contestant::Control => Ok(own("orders-control")),
            Contestant::Constant => Ok(own("orders-constant")),
            Contestant::Axum => Ok(Command::new(self.axum())),
            Contestant::Sequelize => Ok(node("sequelize")),
            Contestant::Fastify => Ok(node("fastify")),
            Contestant::RawLoop | Contestant::Pgbench => {
                Err(io::Error::other(format!("{} is not a server", contestant.name())))
            }
        }
    }

    /// `bench/run` builds it in a target directory of its own.
    fn axum(&self) -> PathBuf {
        let target = self.built.parent().unwrap_or_else(|| Path::new("."));
        target.join("peers/axum/release/orders-peer-axum")
    }
}
