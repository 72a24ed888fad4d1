//! TLS to PostgreSQL, which every build of the program has.

use orders_tests::{Database, Postgres, Server, Setup, certificate};
use rstest::rstest;

/// A server that accepts connections by TLS only. Its certificate is for localhost and 127.0.0.1.
fn postgres() -> Postgres {
    Postgres::fresh_with_tls(&certificate("first.pem"), &certificate("first.key"))
}

fn first() -> String {
    certificate("first.pem").display().to_string()
}

#[rstest]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
#[case::of_a_file("verify-full", Some(first()), None)]
#[case::of_the_system("verify-full", Some("system".to_owned()), Some(first()))]
#[case::not_verified("require", None, None)]
fn orders_are_served_over_encrypted_connections(
    #[case] mode: &str,
    #[case] root: Option<String>,
    #[case] system: Option<String>,
) {
    let postgres = postgres();
    let root = root.map(|root| format!("&sslrootcert={root}")).unwrap_or_default();
    let url = format!("{}?sslmode={mode}{root}", postgres.url());
    let variables = system.as_deref().map(|file| ("SSL_CERT_FILE", file));
    let setup = Setup {
        arguments: &["--sample-data"],
        variables: variables.as_slice(),
        url: Some(&url),
        ..Setup::default()
    };
    let server = Server::start_as(&Database::Sqlite.fresh(), &setup);
    server.get("/orders/223").assert_status(200);
    server.delete("/orders/223").assert_status(204);
    let mut sql = postgres.sql("orders");
    let of_program = "SELECT count(*) AS number FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'orders-api' AND ssl =";
    assert!(sql.number(&format!("{of_program} true")) >= 2);
    assert_eq!(sql.number(&format!("{of_program} false")), 0);
}

#[rstest]
#[cfg_attr(no_postgres, ignore = "PostgreSQL is not installed")]
#[case::no_encryption("127.0.0.1", "sslmode=disable", "no encryption")]
#[case::an_unknown_authority(
    "127.0.0.1",
    "sslmode=verify-full&sslrootcert=SECOND",
    "certificate verify failed"
)]
#[case::another_host(
    "db.example.org",
    "sslmode=verify-full&sslrootcert=FIRST",
    "does not match host name \"db.example.org\""
)]
fn a_connection_that_is_not_as_safe_as_asked_for_is_refused(
    #[case] host: &str,
    #[case] tls: &str,
    #[case] why: &str,
) {
    let postgres = postgres();
    let second = certificate("second.pem").display().to_string();
    let tls = tls.replace("FIRST", &first()).replace("SECOND", &second);
    let url = postgres.url().replace("orders@127.0.0.1", &format!("orders:hidden-word@{host}"));
    let url = format!("{url}?hostaddr=127.0.0.1&{tls}");
    let run = Database::Sqlite.fresh().run(&["migrate", "--database-url", &url]);
    run.assert_refused(1, why);
    assert!(!run.stderr.contains("hidden-word"), "{run:?}");
}
