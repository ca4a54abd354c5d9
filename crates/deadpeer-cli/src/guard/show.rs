//! Where the guard shows its metrics.

use std::net::{SocketAddr, TcpListener};

use deadpeer_guard::metrics::{Board, Server};
use deadpeer_sys::inherited::{self, Inherited};
use rustix::io::{FdFlags, fcntl_setfd};
use tracing::info;

use crate::exit::Stop;

/// The first descriptor that systemd passes (sd_listen_fds(3)).
const FIRST: i32 = 3;

/// Takes the address that is asked for, and the sockets that whoever has started us listens at
/// already. To be called first of all.
pub(super) fn bind(address: Option<SocketAddr>) -> Result<Vec<Server>, Stop> {
    let bind = |address| {
        Server::bind(address).map_err(|error| Stop::because(format!("--listen {address}: {error}")))
    };
    let passed = passed()?;
    let asked = address.map(bind).transpose()?;
    Ok(passed.into_iter().chain(asked).collect())
}

/// What `LISTEN_PID` and `LISTEN_FDS` say.
fn passed() -> Result<Vec<Server>, Stop> {
    let number = |name| -> Option<i32> { std::env::var(name).ok()?.parse().ok() };
    let is_ours = number("LISTEN_PID") == i32::try_from(std::process::id()).ok();
    let count = number("LISTEN_FDS").filter(|count| is_ours && *count > 0);
    let Some(end) = count.and_then(|count| FIRST.checked_add(count)) else {
        return Ok(Vec::new());
    };
    let unusable = |error| Stop::because(format!("the socket that was passed: {error}"));
    let passed = inherited::take().map_err(unusable)?;
    let passed = passed
        .into_iter()
        .filter(|it| (FIRST..end).contains(&it.number));
    let serve = |passed: Inherited| {
        // They are not for hooks.
        fcntl_setfd(&passed.descriptor, FdFlags::CLOEXEC)?;
        Server::at(TcpListener::from(passed.descriptor))
    };
    passed
        .map(serve)
        .collect::<Result<_, _>>()
        .map_err(unusable)
}

/// Begins to serve a board that has nothing on it yet; `None`: nobody is served or `sent` what is
/// on it.
pub(super) fn begin(servers: Vec<Server>, sent: bool) -> Result<Option<Board>, Stop> {
    let board = (sent || !servers.is_empty()).then(Board::default);
    for (server, board) in servers.into_iter().zip(board.iter().cycle()) {
        let address = server.address();
        server.start(board.clone()).map_err(Stop::because)?;
        info!("metrics are at http://{address}/metrics");
    }
    Ok(board)
}
