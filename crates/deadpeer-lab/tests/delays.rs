//! Delays are exact. A test binary of its own, so that it has no company.

mod common;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use deadpeer_lab::Lab;
use deadpeer_lab::router::{Action, Condition, Rule};

use common::{SOON, inside_as_anybody};

/// How many packets are timed at a time.
const ROUND: usize = 21;

/// How many rounds a machine that does other things gets to find a quiet moment.
const ROUNDS: usize = 20;

#[test]
fn delays_are_exact_to_a_millisecond() {
    inside_as_anybody(|| {
        let lab = Lab::with_hosts(["left", "right"]).start().unwrap();
        let [left, right] = lab.hosts() else {
            panic!("two hosts were planned")
        };
        let to = right
            .enter(|| UdpSocket::bind((right.v4(), 0)).unwrap())
            .unwrap();
        let from = left
            .enter(|| UdpSocket::bind((left.v4(), 0)).unwrap())
            .unwrap();
        to.set_read_timeout(Some(SOON)).unwrap();
        from.connect(to.local_addr().unwrap()).unwrap();
        let cross = || {
            let start = Instant::now();
            from.send(b"x").unwrap();
            to.recv(&mut [0; 1]).unwrap();
            start.elapsed()
        };
        // The first one has to find its router.
        cross();
        for by in [1, 10, 40].map(Duration::from_millis) {
            let jitter = Duration::ZERO;
            let delay = Rule::new("delay", Condition::any(), Action::Delay { by, jitter });
            let delay = lab.wire().add(delay).unwrap();
            // Never early. Late as a rule only where somebody else had the processor: the median of
            // a quiet round is not.
            let mut medians = Vec::new();
            let exact = (0..ROUNDS).any(|_| {
                let mut took: Vec<_> = (0..ROUND).map(|_| cross()).collect();
                took.sort();
                assert!(took[0] >= by, "{took:?}");
                medians.push(took[ROUND / 2]);
                took[ROUND / 2] < by + Duration::from_millis(1)
            });
            assert!(exact, "{by:?} took {medians:?}");
            let sent = medians.len() * ROUND;
            let count = lab.wire().remove(delay).unwrap().unwrap();
            assert_eq!(count.acted, sent as u64);
        }
        let punctuality = lab.wire().punctuality().unwrap();
        assert!(punctuality.frames > 3 * ROUND as u64, "{punctuality:?}");
        assert!(punctuality.late < punctuality.frames, "{punctuality:?}");
    });
}
