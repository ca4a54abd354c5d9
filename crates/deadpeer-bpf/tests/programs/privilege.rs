//! What each feature takes: capabilities taken away from a thread, one set after the other.

use deadpeer_bpf::{Engine, Unavailable, Watched};
use deadpeer_sys::testing::in_private_netns;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use crate::group::Group;
use crate::new_connections::rule;
use crate::sockets::protected;
use crate::with_engine;

const BPF: CapabilitySet = CapabilitySet::BPF;
const PERFMON: CapabilitySet = CapabilitySet::PERFMON;
const NET_ADMIN: CapabilitySet = CapabilitySet::NET_ADMIN;

/// Runs `work` with these capabilities and no others.
fn with<T: Send>(only: CapabilitySet, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let limited = scope.spawn(|| {
            let all = capabilities(None).unwrap();
            let sets = CapabilitySets {
                effective: only,
                permitted: only,
                ..all
            };
            set_capabilities(None, sets).unwrap();
            work()
        });
        limited.join().unwrap()
    })
}

fn refused<T: std::fmt::Debug>(result: Result<T, Unavailable>) -> &'static str {
    match result {
        Err(Unavailable::NotPermitted { capabilities, .. }) => capabilities,
        other => panic!("not refused for want of privilege: {other:?}"),
    }
}

type Ask = fn(&Engine) -> Result<(), Unavailable>;

const TRACING: [(&str, Ask); 4] = [
    ("sockets", |engine| engine.sockets().map(drop)),
    ("owners", |engine| engine.socket_owners().map(drop)),
    ("set", |engine| {
        engine.set([deadpeer_bpf::Change::new(1, protected())], |_| ())
    }),
    ("deaths", |engine| {
        engine.deaths(Watched::Namespace(1), 4096).map(drop)
    }),
];

#[test]
fn tracing_takes_bpf_and_perfmon() {
    with_engine(|engine| {
        for (name, ask) in TRACING {
            assert_eq!(with(BPF | PERFMON, || ask(engine)), Ok(()), "{name}");
            for less in [CapabilitySet::empty(), BPF, PERFMON, BPF | NET_ADMIN] {
                let named = refused(with(less, || ask(engine)));
                assert_eq!(named, "CAP_BPF and CAP_PERFMON", "{name}");
            }
        }
    });
}

#[test]
fn protecting_takes_bpf_and_net_admin() {
    with_engine(|engine| {
        let Some(group) = Group::make() else { return };
        let ask = || engine.protect(group.directory(), &rule()).map(drop);
        assert_eq!(with(BPF | NET_ADMIN, ask), Ok(()));
        for less in [CapabilitySet::empty(), BPF, NET_ADMIN, BPF | PERFMON] {
            let named = refused(with(less, ask));
            assert_eq!(named, "CAP_BPF and CAP_NET_ADMIN");
        }
    });
}

#[test]
fn the_types_can_be_read_by_everybody() {
    in_private_netns(|| {
        let opened = with(CapabilitySet::empty(), || Engine::open(250).map(drop));
        match opened {
            Ok(()) => {}
            // What a machine without them says.
            Err(Unavailable::NoBtf(why)) => assert!(!why.is_empty()),
            Err(other) => panic!("{other}"),
        }
    });
}
