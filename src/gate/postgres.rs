//! What a PostgreSQL server says of itself: one connection and one query for each time that it is asked, so that a login
//! that does not work any more is noticed.

use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls, SimpleQueryMessage, SimpleQueryRow};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::PostgresServer;
use crate::errand::{client_config, read_secret};
use crate::model::{Problem, plain};
use crate::policy::{Database, Lsn, Seen};

/// As much of a server's words is shown, in characters.
const SHOWN_MAX: usize = 200;

/// A server that has answered gets so long for the end of the connection.
const LEAVE_MAX: Duration = Duration::from_millis(200);

/// Whoever looks at the server's connections knows who it is.
const OUR_NAME: &str = "cadence-dns";

/// Everything in one row. A replica that has replayed all that it received is not behind, however long ago the last
/// transaction was. Who may not see more of `pg_stat_wal_receiver` sees at least that there is a row.
const QUERY: &str = "
    SELECT (SELECT system_identifier FROM pg_control_system()) AS system,
           pg_is_in_recovery() AS in_recovery,
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS position,
           CASE WHEN NOT pg_is_in_recovery() THEN NULL
                WHEN pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() THEN 0
                ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END AS behind,
           EXISTS (SELECT FROM pg_stat_wal_receiver) AS receives";

/// A server that is asked.
pub(super) struct Server {
    settings: Arc<PostgresServer>,
    tls: Option<MakeRustlsConnect>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("host", &self.settings.host).finish_non_exhaustive()
    }
}

impl Server {
    /// Reads whom to trust.
    pub(super) fn new(settings: &Arc<PostgresServer>) -> Result<Server, Problem> {
        let tls = settings.tls.as_ref().map(client_config).transpose()?.map(MakeRustlsConnect::new);
        Ok(Server { settings: Arc::clone(settings), tls })
    }

    /// Connects and asks. Keeps no time: it is dropped when its time is over.
    pub(super) async fn ask(&self) -> Seen {
        match self.answer().await {
            Ok(database) => Seen::Database(database),
            Err(why) => Seen::Blind(why),
        }
    }

    async fn answer(&self) -> Result<Database, String> {
        let config = self.config().await?;
        let row = match &self.tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await.map_err(in_words)?;
                query(client, connection).await?
            }
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(in_words)?;
                query(client, connection).await?
            }
        };
        database(&row).ok_or_else(|| "its reply makes no sense".to_owned())
    }

    async fn config(&self) -> Result<Config, String> {
        let PostgresServer { host, port, database, user, password_file, tls } = &*self.settings;
        let mut config = Config::new();
        config.host(host).port(*port).dbname(database).user(user).application_name(OUR_NAME);
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        if let Some(secret) = password_file {
            config.password(read_secret(&secret.file).await?.as_str());
        }
        Ok(config)
    }
}

/// Drives the connection while its one query is under way, and takes leave: the server's log is to have no trouble of ours.
async fn query<C>(client: tokio_postgres::Client, connection: C) -> Result<SimpleQueryRow, String>
where
    C: Future<Output = Result<(), tokio_postgres::Error>>,
{
    let mut connection = pin!(connection);
    let messages = tokio::select! {
        biased;
        messages = client.simple_query(QUERY) => messages.map_err(in_words)?,
        ended = &mut connection => return Err(ended.err().map_or("it hung up".into(), in_words)),
    };
    drop(client);
    let _ = timeout(LEAVE_MAX, connection).await; // it has answered, whatever becomes of the connection
    let row = |message| if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None };
    messages.into_iter().filter_map(row).next_back().ok_or_else(|| "it told nothing".to_owned())
}

fn database(row: &SimpleQueryRow) -> Option<Database> {
    let flag = |column| Some(row.get::<&str>(column)? == "t");
    let behind = row.get("behind").and_then(|text| text.parse::<f64>().ok());
    // The clock of the primary may be ahead of the replica's.
    let behind = behind.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default());
    Some(Database {
        system: row.get("system")?.parse().ok()?,
        in_recovery: flag("in_recovery")?,
        position: Lsn::parse(row.get("position")?)?,
        behind,
        receives: flag("receives")?,
    })
}

/// The server's own words, or the deepest cause, such as "connection refused".
fn in_words(error: tokio_postgres::Error) -> String {
    let text = match error.as_db_error() {
        Some(told) => told.message().to_owned(),
        None => deepest(&error).to_string(),
    };
    plain(&text, |_| false).chars().take(SHOWN_MAX).collect()
}

fn deepest<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    error.source().map_or(error, deepest)
}
