//! sqlx's pool, whose connections show nobody their descriptors.
//!
//! So the program looks among its own for those that are connected to the server, whenever the pool
//! has made a connection, and sets the options on each: setting them again changes nothing. What
//! vanishes while a connection is idle or a query runs is noticed within the deadline. Before a
//! connection is handed out the server is asked, for a second at most: sqlx's own
//! `test_before_acquire` waits for a server that is gone until the connection has ended.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use deadpeer::{Apply as _, Plan};
use deadpeer_examples::Arguments;
use rustix::net::getpeername;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
use tokio::time::timeout;

/// How long a server may take to answer before a connection is handed out.
const PATIENCE: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let server: SocketAddr = arguments.address.parse()?;
    let plan = Arc::new(arguments.plan()?);
    let options = PgConnectOptions::new_without_pgpass()
        .host(&server.ip().to_string())
        .port(server.port())
        .username("postgres")
        .ssl_mode(PgSslMode::Disable);
    let pool = PgPoolOptions::new()
        // As many as this program uses at a time.
        .max_connections(1)
        .after_connect(move |_, _| {
            let protected = protect_connections(server, &plan);
            Box::pin(async {
                println!("protected {}", protected?);
                Ok(())
            })
        })
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            Box::pin(async {
                // An error has the pool throw the connection away; after `Ok(false)` it would say
                // goodbye to a server that is gone, and wait for it.
                let answer = timeout(PATIENCE, connection.ping()).await;
                answer.map_err(io::Error::from)??;
                Ok(true)
            })
        })
        .connect_lazy_with(options);
    // Each line is a query.
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let mut connection = pool.acquire().await?;
        sqlx::raw_sql(&line).execute(&mut *connection).await?;
        println!("answered {line}");
    }
    Ok(())
}

/// Sets the plan's options on every connection of this program to `server`; returns how many there
/// are. Linux 5.6.
fn protect_connections(server: SocketAddr, plan: &Plan) -> io::Result<usize> {
    let ourselves = pidfd_open(getpid(), PidfdFlags::empty())?;
    let mut protected = 0;
    for entry in fs::read_dir("/proc/self/fd")? {
        let Some(number) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // A duplicate: meanwhile another thread may close the descriptor, and open something else.
        let Ok(socket) = pidfd_getfd(&ourselves, number, PidfdGetfdFlags::empty()) else {
            continue;
        };
        let peer = getpeername(&socket).ok().flatten();
        if peer.and_then(|peer| SocketAddr::try_from(peer).ok()) == Some(server) {
            plan.apply(&socket)?;
            protected += 1;
        }
    }
    Ok(protected)
}
