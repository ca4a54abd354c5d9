//! What is in force on a program's connection, as the kernel has it, held against the forecast.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use deadpeer_bpf::{Engine, Socket, Sockets};
use deadpeer_core::{Forecast, Silence};

/// What every connection is to keep, and to survive.
const DEADLINE: Duration = Duration::from_secs(30);
const LOST_PROBES: u32 = 2;
/// Whatever a program sets after accept(), it has by then.
pub(crate) const SETTLED: Duration = Duration::from_secs(5);

/// Reads sockets from within the kernel; `None` where that can't be had, and no rule either.
pub(crate) fn sockets() -> Option<Sockets> {
    let hz = deadpeer_sys::clock::hz()?;
    let opened = Engine::open(hz).and_then(|engine| engine.sockets());
    match opened {
        Ok(sockets) => Some(sockets),
        Err(why) => {
            deadpeer_sys::testing::skip(&why.to_string());
            None
        }
    }
}

/// What is wrong with the end that is not the client's. Of the calling thread's namespace.
pub(crate) fn fault(sockets: &Sockets, name: &str, client: SocketAddr) -> Option<String> {
    let mut found: Option<Socket> = None;
    let seen = sockets.each(|socket| {
        let is_it = socket.peer.port() == client.port();
        if is_it {
            found = Some(socket.clone());
        }
        match is_it {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    seen.unwrap();
    let Some(options) = found.and_then(|socket| socket.options) else {
        return Some(format!("{name}: its connection is gone"));
    };
    let kernel = deadpeer_sys::running_kernel().unwrap();
    let settings = options.resolve(&kernel.sysctls);
    let promised = Forecast::promised(&settings, Duration::from_secs(1), &kernel);
    let in_time = Silence::JUDGED
        .into_iter()
        .all(|silence| promised.outlook(silence).worst.meets(DEADLINE));
    let survives = promised.lost_probes_survived >= Some(LOST_PROBES);
    (!in_time || !survives).then(|| format!("{name}: {settings:?}: {promised:?}"))
}
