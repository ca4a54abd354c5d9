//! What speaks for a peer that seems gone.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use deadpeer_core::{TcpInfo, TcpState};
use deadpeer_guard::config::Config;
use deadpeer_guard::heart::{Action, Census, Heart, Key, ServiceId, Sighting, Terms, Whom};
use deadpeer_guard::{HoldReason, Mode, WhySpared};

const S: fn(u64) -> Duration = Duration::from_secs;

/// Peers of one service, one connection each. Some fall silent.
struct Scene {
    heart: Heart,
    census: Census,
    now: Duration,
    ours: bool,
}

impl Scene {
    fn new(peers: u32, kill: Mode, kills_per_minute: u32) -> Self {
        let terms = terms(kill, kills_per_minute);
        let mut census = Census::default();
        (0..peers).for_each(|peer| census.add(ServiceId(0), address(peer), None));
        Self {
            heart: Heart::new(Config::default().brake, vec![terms]),
            census,
            now: S(1_000),
            ours: false,
        }
    }

    /// So many of them have been silent for so long.
    fn silent(&mut self, peers: u32, since: u64) -> Vec<Action> {
        self.shown(&(0..peers).collect::<Vec<_>>(), |_| since)
    }

    /// These have been silent for so long.
    fn shown(&mut self, peers: &[u32], since: impl Fn(u32) -> u64) -> Vec<Action> {
        for peer in peers.iter().copied() {
            let sighting = Sighting {
                key: key(peer),
                policy: 0,
                service: ServiceId(0),
                peer: address(peer),
                far: true,
                ours: self.ours,
            };
            (self.heart).observe(self.now, &sighting, &asked(since(peer)));
        }
        let actions = self.heart.end_sweep(self.now, &self.census);
        self.now += S(5);
        actions
    }

    /// They fall silent, until they are judged.
    fn fall(&mut self, peers: u32) -> Vec<Action> {
        let mut all = Vec::new();
        for since in (5..=40).step_by(5) {
            all.extend(self.silent(peers, since));
        }
        all
    }

    fn reasons(&self) -> Vec<HoldReason> {
        self.heart.holding().map(|(hold, _)| hold.reason).collect()
    }
}

fn terms(kill: Mode, kills_per_minute: u32) -> Terms {
    Terms {
        name: "all".into(),
        deadline: S(30),
        kill,
        kills_per_minute,
    }
}

fn asked(silence: u64) -> TcpInfo {
    let mut info = TcpInfo::default();
    info.state = Some(TcpState::Established);
    info.probes = Some(silence.saturating_sub(2) as u8);
    info.retransmits = Some(0);
    info.segs_in = Some(1_001);
    info.data_segs_in = Some(0);
    info.segs_out = Some(1_001 + silence.saturating_sub(2) as u32);
    info.data_segs_out = Some(0);
    info.bytes_acked = Some(1);
    info.bytes_received = Some(1);
    info.total_retrans = Some(0);
    info.last_ack_recv_ms = Some(silence as u32 * 1_000);
    info.last_data_recv_ms = Some(u32::MAX);
    info.snd_wnd = Some(65_535);
    info.notsent_bytes = Some(0);
    info
}

fn key(peer: u32) -> Key {
    Key {
        namespace: 1,
        cookie: u64::from(peer) + 1,
    }
}

fn address(peer: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0001 + peer).into()
}

fn killed(actions: &[Action]) -> usize {
    actions
        .iter()
        .filter(|action| matches!(action, Action::Kill { .. }))
        .count()
}

fn spared(actions: &[Action], of: WhySpared) -> usize {
    let is = |action: &&Action| matches!(action, Action::Spare { why, .. } if *why == of);
    actions.iter().filter(is).count()
}

#[test]
fn one_of_many_goes() {
    let mut scene = Scene::new(10, Mode::Enforce, 60);
    let actions = scene.fall(1);
    assert!(killed(&actions) > 0, "{actions:?}");
    assert_eq!(scene.reasons(), []);
}

#[test]
fn more_than_a_third_at_once_is_us() {
    let mut scene = Scene::new(10, Mode::Enforce, 60);
    let actions = scene.fall(4);
    assert_eq!(
        (killed(&actions), spared(&actions, WhySpared::Holding)),
        (0, 4)
    );
    assert!(scene.reasons().contains(&HoldReason::ManySilent));
}

/// Of many connections on a lossy path some always have questions open, and their peers are there.
#[test]
fn who_is_heard_on_another_connection_is_not_silent() {
    for (heard_ago, killed_at_all) in [(2, true), (20, false)] {
        let mut scene = Scene::new(10, Mode::Enforce, 60);
        for peer in 1..5 {
            (scene.census).add(ServiceId(0), address(peer), Some(S(heard_ago)));
        }
        let actions = scene.fall(5);
        assert_eq!(killed(&actions) > 0, killed_at_all, "{heard_ago} s ago");
        assert_eq!(scene.reasons().is_empty(), killed_at_all);
    }
}

#[test]
fn two_peers_are_too_few_to_tell() {
    let mut scene = Scene::new(2, Mode::Enforce, 60);
    assert!(killed(&scene.fall(2)) >= 2);
}

#[test]
fn who_knows_that_they_are_gone_says_so() {
    let mut scene = Scene::new(10, Mode::Enforce, 60);
    assert_eq!(killed(&scene.fall(4)), 0);
    scene.heart.resume(scene.now);
    // Each is asked again for a whole deadline.
    let at_once = scene.silent(4, 45);
    assert_eq!(killed(&at_once), 0);
    let later: Vec<Action> = (10..18).flat_map(|n| scene.silent(4, n * 5)).collect();
    assert!(killed(&later) >= 4, "{later:?}");
}

#[test]
fn a_lost_link_gives_everybody_another_deadline() {
    let mut scene = Scene::new(10, Mode::Enforce, 60);
    for since in [5, 10, 15, 20] {
        assert_eq!(scene.silent(1, since), []);
    }
    scene.heart.network_lost(scene.now, Whom::All);
    for since in [25, 30, 35, 40, 45] {
        assert_eq!(killed(&scene.silent(1, since)), 0, "{since} s");
    }
    assert_eq!(scene.reasons(), [HoldReason::Network]);
    // The hold ends, and then it is asked for a deadline more.
    for since in [50, 55, 60, 65, 70, 75] {
        assert_eq!(killed(&scene.silent(1, since)), 0, "{since} s");
    }
    let later: Vec<Action> = (16..20).flat_map(|n| scene.silent(1, n * 5)).collect();
    assert!(killed(&later) > 0);
}

/// A container that ends loses its link and its address, and is gone a moment later.
#[test]
fn what_a_namespace_loses_holds_there() {
    for (namespace, held) in [(1, true), (2, false)] {
        let mut scene = Scene::new(10, Mode::Enforce, 60);
        scene
            .heart
            .network_lost(scene.now, Whom::Namespace(namespace));
        let actions: Vec<Action> = (1..7).flat_map(|n| scene.silent(1, n * 5)).collect();
        let spared = spared(&actions, WhySpared::Holding);
        assert_eq!((killed(&actions) > 0, spared > 0), (!held, held));
    }
    let mut scene = Scene::new(10, Mode::Enforce, 60);
    scene.heart.network_lost(scene.now, Whom::Namespace(2));
    scene.heart.leave_namespaces(|number| number == 2);
    assert_eq!(scene.reasons(), [HoldReason::Network]);
    scene.heart.leave_namespaces(|number| number == 1);
    assert_eq!(scene.reasons(), []);
}

/// Who does not kill needs no protection from our own faults, however long its deadline.
#[test]
fn a_hold_lasts_as_long_as_the_deadline_of_those_who_kill() {
    let mut scene = Scene::new(10, Mode::Enforce, 60);
    let patient = Terms {
        name: "patient".into(),
        deadline: S(3_600),
        ..terms(Mode::Off, 60)
    };
    let policies = vec![terms(Mode::Enforce, 60), patient];
    (scene.heart).reconfigure(Config::default().brake, policies);
    scene.heart.network_lost(scene.now, Whom::All);
    (0..6).for_each(|_| drop(scene.silent(0, 0)));
    assert_eq!(scene.reasons(), [HoldReason::Network]);
    scene.silent(0, 0);
    assert_eq!(scene.reasons(), []);
}

/// Another policy before it, or a change of another, is none of its own.
#[test]
fn what_is_known_outlives_another_configuration() {
    let mut scene = Scene::new(10, Mode::Observe, 60);
    assert_eq!(killed(&scene.fall(1)), 1);
    let again = |scene: &mut Scene, policies| {
        (scene.heart).reconfigure(Config::default().brake, policies);
        let later = (9..20).flat_map(|n| scene.silent(1, n * 5));
        killed(&later.collect::<Vec<_>>())
    };
    let other = Terms {
        name: "other".into(),
        ..terms(Mode::Observe, 60)
    };
    let all = terms(Mode::Observe, 60);
    assert_eq!(again(&mut scene, vec![all.clone()]), 0);
    // The first is now the other one's.
    assert_eq!(again(&mut scene, vec![other, all]), 1);
    let enforce = vec![terms(Mode::Enforce, 60)];
    assert!(again(&mut scene, enforce) > 0);
}

/// Three of ten go, and three of the seven that are left are too many, whether or not the first
/// three are destroyed.
#[test]
fn an_observer_holds_when_enforcing_does() {
    for kill in [Mode::Enforce, Mode::Observe] {
        let mut scene = Scene::new(10, kill, 60);
        let mut tells: BTreeSet<Key> = BTreeSet::new();
        for round in 1..30 {
            // The next three fall silent a minute and a half later.
            let since = |peer: u32| (round * 5_u64).saturating_sub(u64::from(peer / 3) * 90);
            let silent: Vec<u32> = (0..6)
                .filter(|peer| since(*peer) > 0)
                .filter(|peer| kill == Mode::Observe || !tells.contains(&key(*peer)))
                .collect();
            let actions = scene.shown(&silent, since);
            for action in actions {
                let Action::Kill { key, mode, .. } = action else {
                    continue;
                };
                tells.insert(key);
                if mode == Mode::Enforce {
                    scene.heart.over(key);
                }
            }
            scene.census.clear();
            let left = (0..10).filter(|peer| match kill {
                Mode::Observe => !scene.heart.has_told(key(*peer)),
                Mode::Off | Mode::Enforce => !tells.contains(&key(*peer)),
            });
            left.for_each(|peer| scene.census.add(ServiceId(0), address(peer), None));
        }
        assert_eq!(tells, (0..3).map(key).collect(), "{kill:?}");
        assert!(scene.reasons().contains(&HoldReason::ManySilent));
    }
}

#[test]
fn what_somebody_holds_stays_held() {
    let mut scene = Scene::new(10, Mode::Enforce, 60);
    scene.heart.hold(scene.now);
    let actions = scene.fall(1);
    assert_eq!(
        (killed(&actions), spared(&actions, WhySpared::Holding)),
        (0, 1)
    );
}

#[test]
fn no_more_than_so_many_in_a_minute() {
    let mut scene = Scene::new(10, Mode::Enforce, 1);
    let actions = scene.fall(2);
    assert_eq!(
        (killed(&actions), spared(&actions, WhySpared::RateLimit)),
        (1, 2)
    );
}

#[test]
fn our_own_are_never_killed() {
    let mut scene = Scene::new(10, Mode::Enforce, 60);
    scene.ours = true;
    let actions = scene.fall(1);
    assert_eq!(
        (killed(&actions), spared(&actions, WhySpared::OurOwn)),
        (0, 1)
    );
}

#[test]
fn an_observer_tells_each_once() {
    let mut scene = Scene::new(10, Mode::Observe, 60);
    let actions = scene.fall(1);
    assert!(
        matches!(
            actions[..],
            [Action::Kill {
                mode: Mode::Observe,
                ..
            }]
        ),
        "{actions:?}"
    );
}

#[test]
fn who_answers_at_the_last_moment_lives() {
    let mut scene = Scene::new(10, Mode::Enforce, 60);
    let _ = scene.fall(1);
    let mut answered = asked(1);
    answered.probes = Some(0);
    answered.segs_in = Some(1_002);
    assert_eq!(scene.heart.last_check(scene.now, key(0), &answered), None);
    assert!(!scene.heart.suspects(key(0)));
}
