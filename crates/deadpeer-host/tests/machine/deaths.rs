//! Deaths, told to somebody who comes late.

use std::time::{Duration, Instant};

use deadpeer_host::deaths::{Death, Deaths, DeathsQuery, Means, OpenDeathsError};
use deadpeer_sys::testing::{in_private_netns, skip};
use rustix::net::sockopt;

use crate::{Holder, connection};

/// A session of a database ends with its connection, and on a busy machine that is over before
/// anybody can ask what it was called.
#[test]
fn whoever_ended_with_the_connection_is_known_by_name() {
    for means in [Means::Bpf, Means::SockDiag] {
        in_private_netns(|| {
            let (_listener, peer, held) = connection("127.0.0.1");
            let ends = (held.local_addr().unwrap(), held.peer_addr().unwrap());
            let holder = Holder::of(held);
            let mut deaths = match Deaths::open(&of_sleep(means)) {
                Ok(deaths) => deaths,
                Err(OpenDeathsError::Bpf(why)) => return skip(&why.to_string()),
                Err(error) => panic!("{error}"),
            };
            sockopt::set_socket_linger(&peer, Some(Duration::ZERO)).unwrap();
            drop(peer);
            let pid = holder.pid();
            drop(holder);
            let death = first(&mut deaths, |death| (death.local, death.peer) == ends);
            let owner = death.owner.unwrap();
            assert_eq!(owner.process.pid(), pid);
            assert_eq!(owner.process.name(), b"sleep");
        });
    }
}

fn of_sleep(means: Means) -> DeathsQuery {
    let mut query = DeathsQuery {
        means: Some(means),
        ..DeathsQuery::default()
    };
    query.selector.processes = vec!["sleep".parse().unwrap()];
    query
}

fn first(deaths: &mut Deaths, wanted: impl Fn(&Death) -> bool) -> Death {
    let bound = Instant::now() + Duration::from_secs(30);
    let mut found = None;
    while found.is_none() {
        assert!(Instant::now() < bound, "no death is told");
        let tell = |death: &Death| found = found.take().or(wanted(death).then(|| death.clone()));
        deaths.drain(tell).unwrap();
        std::thread::sleep(Duration::from_millis(10));
    }
    found.unwrap()
}
