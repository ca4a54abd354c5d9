//! One loop asks the peers of many connections.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use deadpeer::{Answer, NotNow};
use deadpeer_host::{Filter, Questions, Reply, Scope, Tables, Target, Work as _};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;

use super::*;

/// With both ends and what is borrowed of each, several such tests at a time stay below the usual
/// limit of 1,024 descriptors.
const CONNECTIONS: usize = 100;
const TIMEOUT: Duration = Duration::from_secs(2);

/// Our ends of connections that have been silent for more than a second.
fn silent() -> (Vec<TcpStream>, Vec<TcpStream>, Vec<Target>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    let (peers, ends): (Vec<_>, Vec<_>) = (0..CONNECTIONS)
        .map(|_| {
            (
                TcpStream::connect(here).unwrap(),
                listener.accept().unwrap().0,
            )
        })
        .unzip();
    let youngest = ends.last().unwrap();
    let long_enough = Duration::from_millis(1_050);
    wait_for(youngest, |row| {
        let info = row.info.as_ref();
        info.and_then(TcpInfo::heard_ago)
            .is_some_and(|ago| ago > long_enough)
    });
    let filter = Filter {
        local: vec![here.to_string().parse().unwrap()],
        ..Filter::default()
    };
    let mut tables = Tables::open(&Scope::One(Namespace::Own)).unwrap();
    let (targets, _) = Target::all(&mut tables, &filter).unwrap();
    assert_eq!(targets.len(), CONNECTIONS);
    (peers, ends, targets)
}

fn questions(targets: &[Target], now: Instant) -> Questions<'_> {
    Questions::new(targets.iter().collect(), TIMEOUT, now)
}

fn ask(targets: &[Target]) -> Vec<Reply> {
    let mut questions = questions(targets, Instant::now());
    while let Some(due) = questions.poll_timeout() {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let Ok(()) = questions.handle_timeout(Instant::now());
    }
    questions
        .into_replies(Instant::now())
        .into_iter()
        .map(Option::unwrap)
        .collect()
}

#[test]
fn silent_peers_cost_one_timeout_together_and_keepalive_is_off_again() {
    in_private_netns(|| {
        let (peers, ends, targets) = silent();
        for peer in &peers {
            sockopt::mute(peer).unwrap();
        }
        let began = Instant::now();
        let replies = ask(&targets);
        let took = began.elapsed();
        for reply in &replies {
            assert!(
                matches!(reply, Reply::Answer(Answer::Unanswered { waited }) if *waited >= TIMEOUT),
                "{reply:?}"
            );
        }
        // One after the other they would take a hundred; a busy machine takes a few.
        assert!(took >= TIMEOUT && took < TIMEOUT * 10, "{took:?}");
        assert!(ends.iter().all(|end| !sockopt::keepalive(end).unwrap()));
    });
}

#[test]
fn peers_that_are_there_answer() {
    in_private_netns(|| {
        let (_peers, _ends, targets) = silent();
        let is_busy = |reply: &Reply| *reply == Reply::Answer(Answer::NotNow(NotNow::Busy));
        let mut replies = ask(&targets);
        // On an emulated machine the kernel's timer may be late.
        let bound = Instant::now() + Duration::from_secs(20);
        while replies.iter().any(is_busy) && Instant::now() < bound {
            replies = ask(&targets);
        }
        for reply in replies {
            assert!(
                matches!(reply, Reply::Answer(answer) if answer.is_alive()),
                "{reply:?}"
            );
        }
    });
}

#[test]
fn broken_off_it_gives_back_what_it_borrowed() {
    in_private_netns(|| {
        let (peers, ends, targets) = silent();
        for peer in &peers {
            sockopt::mute(peer).unwrap();
        }
        let now = Instant::now();
        let mut questions = questions(&targets, now);
        // All begin and borrow at one moment: no answer can have come, and no probe is known to be
        // out.
        for _ in 0..CONNECTIONS {
            let Ok(()) = questions.handle_timeout(now);
        }
        assert!(
            ends.iter().all(|end| sockopt::keepalive(end).unwrap()),
            "it bites"
        );
        drop(questions);
        assert!(ends.iter().all(|end| !sockopt::keepalive(end).unwrap()));
        let reply = ask(&targets[..1])[0];
        assert!(
            matches!(
                reply,
                Reply::Answer(Answer::Unanswered { .. } | Answer::NotNow(NotNow::JustAsked { .. }))
            ),
            "{reply:?}"
        );
    });
}
