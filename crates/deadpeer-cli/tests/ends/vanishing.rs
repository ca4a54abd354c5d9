//! Peers that vanish or break off: noticed within the deadline, with the right cause, and exit
//! code 1.

use std::io::Write as _;
use std::time::Duration;

use deadpeer_lab::router::{Action, Condition, Rule};
use deadpeer_lab::testing::{inside, power_off};

use crate::end::{End, SOON};
use crate::room::lab;

const DEADLINE: Duration = Duration::from_secs(8);

/// What a slow machine may add to a deadline.
const SLACK: Duration = Duration::from_secs(5);

#[test]
fn a_power_cut_is_noticed_at_both_ends_within_the_deadline() {
    inside(|| {
        let lab = lab(["client", "other"]);
        let [server, client, other] = lab.hosts() else {
            unreachable!()
        };
        let mut listen = End::listen(server, "--within 8s");
        let (mut connect, here) = End::connect(client, server, "--within 8s");
        let (mut living, _) = End::connect(other, server, "--within 8s");
        listen.connected();
        listen.connected();
        power_off(&lab, client).unwrap();
        for end in [&listen, &connect] {
            let ended = end.ended(DEADLINE + SLACK);
            assert!(ended.lost, "{ended:?}");
            assert_eq!(ended.by, "supervision", "{ended:?}");
            assert_eq!((ended.cause, ended.errno), (None, None));
            // As for everybody who only looks: nothing has happened.
            assert_eq!(ended.tcpi_state.as_deref(), Some("established"));
            assert_eq!(ended.poll, "");
            assert!(ended.unanswered >= 4, "{}", ended.unanswered);
            let silent = Duration::from_millis(ended.silent_ms.unwrap());
            assert!(
                silent > DEADLINE / 2 && silent < DEADLINE + SLACK,
                "{silent:?}"
            );
            assert!(ended.peer == here.peer || ended.peer == here.local);
        }
        assert_eq!(connect.code(), 1);
        // The client that lives is served on.
        living.say("still here");
        listen.hear("still here");
        listen.interrupt();
        assert_eq!(listen.ended(SOON).by, "us");
        assert_eq!(listen.code(), 130);
        assert_eq!(living.code(), 0);
    });
}

#[test]
fn questions_without_an_answer_are_told_as_they_happen() {
    inside(|| {
        let lab = lab(["client"]);
        let [server, client] = lab.hosts() else {
            unreachable!()
        };
        let _listen = End::listen(server, "--within 20s");
        let (mut connect, _) = End::connect(client, server, "--within 20s --verbose");
        connect.seen("answered", SOON);
        let cut = Rule::new("cut", Condition::any(), Action::Drop);
        let cut = lab.wire().add(cut).unwrap();
        connect.say("lost");
        let seen = connect.seen("unanswered", SOON);
        assert_eq!(seen.question.as_deref(), Some("retransmission"));
        lab.wire().remove(cut).unwrap();
        let again = connect.seen("heard-again", SOON);
        assert!(again.unanswered >= Some(1));
        connect.interrupt();
        assert_eq!(connect.code(), 130);
    });
}

#[test]
fn a_peer_that_does_not_read_is_not_lost() {
    inside(|| {
        let lab = lab(["client"]);
        let [server, client] = lab.hosts() else {
            unreachable!()
        };
        let mut listen = End::listen(server, "--no-read --within 5s");
        let (mut connect, _) = End::connect(client, server, "--within 5s");
        listen.connected();
        let mut input = connect.take_input();
        let flood = std::thread::spawn(move || {
            // Stops once everything between the two is full, and fails with the reader's end.
            let _ = input.write_all(&vec![b'x'; 64 << 20]);
        });
        let closed = connect.seen("window-closed", SOON);
        assert!(closed.bytes > Some(0));
        // A whole deadline and more, in which it goes on answering.
        connect.stands(DEADLINE * 3 / 4);
        connect.interrupt();
        let ended = connect.ended(SOON);
        assert_eq!((ended.by.as_str(), ended.lost), ("us", false), "{ended:?}");
        assert!(ended.stood_ms >= 6_000);
        flood.join().unwrap();
        assert_eq!(connect.code(), 130);
        listen.kill();
    });
}
