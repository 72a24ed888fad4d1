//! The examples and notes at the end of each help text.

pub(super) const PROGRAM: &str = "\
Without a command, `serve` runs; it takes the options of `serve`.

Settings may also be environment variables: the options of `serve`, of the database and of the
log, which their help shows as [env: …]. An option overrides its variable. An empty variable counts
as unset.

Exit codes: 0 success, 1 failure, 2 wrong usage. What ends a command is printed as `error: …`.

Examples:
  orders-api --sample-data                            serve, with the sample data
  orders-api keys create --name me --role admin       create the first key
  orders-api help import                              show the options of a command";

pub(super) const SERVE: &str = "\
ORDERS_API_KEY may hold a key with the role `admin`. It is no option, because other users of the
machine can see the arguments of a process.

SIGTERM or Ctrl-C: `/readyz` responds 503 for the drain delay, accepted requests are answered for
up to 30 seconds, then the program exits with 0. A second signal ends it at once.

Examples:
  orders-api serve
  orders-api serve --bind 0.0.0.0:8443 --tls-cert server.pem --tls-key server.key
  orders-api serve --database-url 'postgres://orders:…@db.internal/orders?sslmode=verify-full'";

pub(super) const MIGRATE: &str = "\
Examples:
  orders-api migrate --check
  orders-api migrate --database-url sqlite:///var/lib/orders/orders.db";

pub(super) const IMPORT: &str = "\
Exit codes: 0 if every row is imported, except those that `skip` skips; 1 if a row was rejected or
the import ended early. If it is interrupted, it prints how many orders it has imported.

Examples:
  orders-api import orders.csv --dry-run
  orders-api import orders.ndjson --on-conflict skip --rejected rejected.ndjson
  gunzip --stdout orders.csv.gz | orders-api import - --format csv";

pub(super) const EXPORT: &str = "\
Examples:
  orders-api export orders.json
  orders-api export --format csv | gzip > orders.csv.gz";

pub(super) const DOCTOR: &str = "\
Exit codes: 0 if all checks are fine, 1 if not.

Examples:
  orders-api doctor
  orders-api doctor --compare postgres://orders@db.internal/orders";

pub(super) const BACKUP: &str = "\
For PostgreSQL it prints the `pg_dump` command to run.

Examples:
  orders-api backup /backups/orders-2026-12-01.db";

pub(super) const RESTORE: &str = "\
The backup is checked first. The previous database is kept beside the new one. For PostgreSQL it
prints the `pg_restore` command to run.

Examples:
  orders-api restore /backups/orders-2026-12-01.db";

pub(super) const MOVE: &str = "\
Examples:
  orders-api move --to postgres://orders:…@db.internal/orders";

pub(super) const POLICY: &str = "\
Examples:
  orders-api policy show
  orders-api policy check --window 4h
  orders-api policy set --window 4h --edit-lock off";

pub(super) const KEYS: &str = "\
Examples:
  orders-api keys create --name 'front desk' --role writer --expires-in 90d
  orders-api keys rotate key_0123456789abcdef --overlap 1h
  orders-api keys revoke key_0123456789abcdef";

pub(super) const HEALTHCHECK: &str = "\
Examples:
  orders-api healthcheck --ready
  orders-api healthcheck --bind 127.0.0.1:8443 --tls-cert server.pem";

pub(super) const OPENAPI: &str = "\
Examples:
  orders-api openapi > openapi.json
  orders-api openapi --format markdown";

pub(super) const COMPLETIONS: &str = "\
Examples:
  orders-api completions bash > /usr/share/bash-completion/completions/orders-api
  orders-api completions zsh > /usr/share/zsh/site-functions/_orders-api
  orders-api completions fish > ~/.config/fish/completions/orders-api.fish";

pub(super) const MAN: &str = "\
Examples:
  orders-api man | man -l -
  orders-api man /usr/local/share/man/man1";
