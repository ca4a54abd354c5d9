//! Pings beside an application that works: it loses no byte, gets no error, and finds its options
//! as it set them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use deadpeer::{Answer, Cause};
use deadpeer_sys::sockopt;
use deadpeer_sys::testing::in_private_netns;

use crate::{pair, settings};

const CONNECTIONS: u32 = 24;
const BURSTS: u32 = 4;

/// Bursts begin around the moment when pings become possible, a second after the last answer: in
/// the middle of them.
#[test]
fn a_busy_owner_loses_nothing() {
    in_private_netns(|| {
        let ends: Vec<_> = (0..CONNECTIONS).map(|_| pair("127.0.0.1")).collect();
        let over = AtomicBool::new(false);
        let answered = thread::scope(|scope| {
            let over = &over;
            let pinger = scope.spawn(|| ping_all(&ends, over));
            let mut owners = Vec::new();
            for (number, (client, server)) in (0..).zip(&ends) {
                scope.spawn(move || echo(server));
                owners.push(scope.spawn(move || own(client, number)));
            }
            for owner in owners {
                owner.join().unwrap();
            }
            over.store(true, Ordering::Relaxed);
            pinger.join().unwrap()
        });
        assert!(
            answered > CONNECTIONS,
            "only {answered} pings had an answer"
        );
    });
}

fn ping_all(ends: &[(TcpStream, TcpStream)], over: &AtomicBool) -> u32 {
    let mut answered = 0;
    while !over.load(Ordering::Relaxed) {
        for (client, _) in ends {
            let answer = deadpeer::ping(client, Duration::from_millis(20)).unwrap();
            answered += u32::from(matches!(answer, Answer::Answered { .. }));
            if let Answer::Dead(death) = answer {
                assert_eq!(death.cause(), Cause::Closed, "both ends closed in the end");
            }
        }
    }
    answered
}

/// Writes, reads back and compares; sets options of its own and finds them again a burst later.
fn own(mut client: &TcpStream, number: u32) {
    let sent: Vec<u8> = (0..40_000_u32)
        .map(|i| (i ^ number).to_le_bytes()[0])
        .collect();
    let mut received = vec![0; sent.len()];
    for burst in 1..=BURSTS {
        let interval = number + burst;
        sockopt::set_keepintvl_s(client, interval).unwrap();
        sockopt::set_keepcnt(client, 20 + burst).unwrap();
        sockopt::set_user_timeout_ms(client, Some(100_000 + burst)).unwrap();
        for _ in 0..5 {
            client.write_all(&sent).unwrap();
            client.read_exact(&mut received).unwrap();
            assert_eq!(received, sent);
        }
        thread::sleep(Duration::from_millis(1_000 + u64::from(number % 8) * 20));
        client.write_all(b"?").unwrap();
        client.read_exact(&mut received[..1]).unwrap();
        let held = settings(client);
        assert_eq!(held.keepintvl_s, interval);
        assert_eq!(held.keepcnt, 20 + burst);
        assert_eq!(held.user_timeout_ms, Some(100_000 + burst));
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut received).unwrap(), 0);
}

fn echo(mut server: &TcpStream) {
    let mut buffer = [0; 16_384];
    loop {
        match server.read(&mut buffer).unwrap() {
            0 => break,
            len => server.write_all(&buffer[..len]).unwrap(),
        }
    }
    server.shutdown(Shutdown::Write).unwrap();
}
