//! Options set from within the kernel.

use deadpeer_bpf::{Change, Engine, Outcome, Refused};
use deadpeer_core::{SocketOptions, TcpState};
use deadpeer_sys::{netns, sockopt};

use crate::sockets::{
    Pair, assert_protected, between, connecting, cookie, protected, unaccepted, with_cookie,
};
use crate::with_engine;

fn set(engine: &Engine, changes: &[Change]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    engine
        .set(changes.iter().copied(), |outcome| outcomes.push(*outcome))
        .unwrap();
    outcomes
}

#[test]
fn in_every_state_that_has_options() {
    with_engine(|engine| {
        let open = Pair::connect("127.0.0.1:0");
        let half = Pair::half_closed(engine);
        let connecting = connecting();
        let cookies = [
            cookie(&open.listener),
            cookie(&open.caller),
            cookie(&open.called),
            cookie(&half.caller),
            cookie(&half.called),
            cookie(&connecting),
        ];
        let changes = cookies.map(|cookie| Change::new(cookie, protected()));
        let mut outcomes = set(engine, &changes);
        assert!(outcomes.iter().all(|outcome| outcome.refused.is_none()));
        assert!(outcomes.iter().all(|o| o.before.keepalive == Some(false)));
        assert!(outcomes.iter().all(|o| o.after.keepidle_s == Some(9)));
        outcomes.sort_by_key(|outcome| outcome.cookie);
        let mut expected = cookies;
        expected.sort_unstable();
        assert!(outcomes.iter().map(|o| o.cookie).eq(expected));
        assert_protected(&open.listener);
        assert_protected(&open.caller);
        assert_protected(&open.called);
        assert_protected(&half.caller);
        assert_protected(&half.called);
        assert_protected(&connecting);
    });
}

#[test]
fn on_a_connection_that_nobody_has_accepted() {
    with_engine(|engine| {
        let (listener, caller) = unaccepted();
        let waiting = between(
            engine,
            caller.peer_addr().unwrap(),
            caller.local_addr().unwrap(),
        );
        let waiting = waiting.expect("the waiting end").cookie;
        assert_eq!(set(engine, &[Change::new(waiting, protected())]).len(), 1);
        assert_protected(listener.accept().unwrap().0);
    });
}

#[test]
fn what_is_not_given_stays() {
    with_engine(|engine| {
        let pair = Pair::connect("127.0.0.1:0");
        sockopt::set_keepidle_s(&pair.caller, 100).unwrap();
        let options = SocketOptions {
            keepcnt: Some(5),
            ..SocketOptions::default()
        };
        let outcome = set(engine, &[Change::new(cookie(&pair.caller), options)]);
        assert_eq!(outcome[0].after.keepcnt, Some(5));
        let has = sockopt::effective(&pair.caller).unwrap();
        assert_eq!((has.keepalive, has.keepidle_s), (false, 100));
    });
}

#[test]
fn a_socket_that_was_changed_meanwhile_is_left_alone() {
    with_engine(|engine| {
        let pair = Pair::connect("127.0.0.1:0");
        let seen = with_cookie(engine, cookie(&pair.caller)).unwrap().options;
        let mut change = Change::new(cookie(&pair.caller), protected());
        change.only_if = seen;
        sockopt::set_keepidle_s(&pair.caller, 100).unwrap();
        let outcome = set(engine, &[change]);
        assert_eq!(outcome[0].refused, Some(Refused::Changed));
        assert_eq!(outcome[0].after, outcome[0].before);
        assert!(!sockopt::keepalive(&pair.caller).unwrap());

        change.only_if = with_cookie(engine, cookie(&pair.caller)).unwrap().options;
        assert_eq!(set(engine, &[change])[0].refused, None);
        assert_protected(&pair.caller);
    });
}

#[test]
fn a_value_that_the_kernel_refuses_is_named() {
    with_engine(|engine| {
        let pair = Pair::connect("127.0.0.1:0");
        let mut options = protected();
        options.keepintvl_s = Some(40_000);
        let outcome = set(engine, &[Change::new(cookie(&pair.caller), options)]);
        let refused = Refused::Option {
            option: "TCP_KEEPINTVL",
            errno: 22,
        };
        assert_eq!(outcome[0].refused, Some(refused));
        // Those before it are set, those after it are not.
        assert_eq!(outcome[0].after.keepcnt, Some(8));
        assert_eq!(outcome[0].after.user_timeout_ms, None);
    });
}

#[test]
fn what_was_set_can_be_taken_back() {
    with_engine(|engine| {
        let pair = Pair::connect("127.0.0.1:0");
        sockopt::set_keepalive(&pair.caller, true).unwrap();
        sockopt::set_keepidle_s(&pair.caller, 3000).unwrap();
        // Linux 6.15.
        let has_rto_max = sockopt::rto_max_ms(&pair.caller).unwrap().is_some();
        let rto_max_ms = |ms| has_rto_max.then_some(ms);
        if has_rto_max {
            sockopt::set_rto_max_ms(&pair.caller, 60_000).unwrap();
        }
        let before = with_cookie(engine, cookie(&pair.caller)).unwrap().options;
        let mut options = protected();
        options.rto_max_ms = rto_max_ms(1000);
        let outcome = set(engine, &[Change::new(cookie(&pair.caller), options)])[0];
        assert_eq!((Some(outcome.before), outcome.refused), (before, None));
        assert_eq!(sockopt::rto_max_ms(&pair.caller).unwrap(), rto_max_ms(1000));
        set(engine, &[Change::new(outcome.cookie, outcome.before)]);
        let has = sockopt::effective(&pair.caller).unwrap();
        assert_eq!((has.keepidle_s, has.rto_max_ms), (3000, rto_max_ms(60_000)));
    });
}

#[test]
fn what_its_owner_has_closed_is_left_to_end_by_itself() {
    with_engine(|engine| {
        // Longer than a minute: the kernel keeps the whole socket, and not just what TIME_WAIT
        // takes.
        std::fs::write("/proc/sys/net/ipv4/tcp_fin_timeout", "120").unwrap();
        let half = Pair::half_closed(engine);
        let closed = cookie(&half.caller);
        drop(half.caller);
        let options = || with_cookie(engine, closed).unwrap().options;
        let before = options();
        assert_eq!(set(engine, &[Change::new(closed, protected())]), []);
        assert_eq!(options(), before);
    });
}

#[test]
fn sockets_of_other_namespaces_and_the_gone_have_no_outcome() {
    with_engine(|engine| {
        let pair = Pair::connect("127.0.0.1:0");
        let change = Change::new(cookie(&pair.caller), protected());
        let elsewhere = netns::private(|| set(engine, &[change]).len());
        assert_eq!(elsewhere, Ok(0));
        assert!(!sockopt::keepalive(&pair.caller).unwrap());
        assert_eq!(set(engine, &[Change::new(u64::MAX, protected())]), []);
        assert_eq!(set(engine, &[]), []);
    });
}

#[test]
fn many_sockets_take_more_than_one_reading() {
    with_engine(|engine| {
        // More than the kernel gathers before it hands over: outcomes must be told once each, and
        // truly.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ends: Vec<_> = (0..400)
            .map(|_| {
                let caller = std::net::TcpStream::connect(address).unwrap();
                (caller, listener.accept().unwrap().0)
            })
            .collect();
        let both = ends.iter().flat_map(|(caller, called)| [caller, called]);
        let changes: Vec<_> = both
            .map(|end| Change::new(cookie(end), protected()))
            .collect();
        let outcomes = set(engine, &changes);
        assert_eq!(outcomes.len(), changes.len());
        assert!(outcomes.iter().all(|o| o.before.keepalive == Some(false)));
        assert!(outcomes.iter().all(|o| o.after.keepalive == Some(true)));
        let states = ends
            .iter()
            .map(|(caller, _)| with_cookie(engine, cookie(caller)));
        assert!(
            states
                .take(3)
                .flatten()
                .all(|s| s.state == TcpState::Established)
        );
    });
}
