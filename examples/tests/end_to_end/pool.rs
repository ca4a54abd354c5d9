//! The pool hands a connection out again as long as its server is there, however slow, and a new
//! one if it is not.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};

use deadpeer::TcpState;
use deadpeer_lab::router::{Action, Condition, Rule};
use deadpeer_lab::testing::inside;

use crate::programs::Program;
use crate::scene::{SOON, Scene, accept, listen, silence, start, until};

#[test]
fn bb8_never_hands_out_the_dead() {
    inside(|| never_hands_out_the_dead("pool_client"));
}

#[test]
fn deadpool_never_hands_out_the_dead() {
    inside(|| never_hands_out_the_dead("deadpool_client"));
}

fn never_hands_out_the_dead(program: &str) {
    let scene = Scene::new();
    let (listener, address) = listen(scene.far());
    let mut client = start(scene.here(), program, &address, "");
    let first = echo_one(&listener, &mut client, None);
    let begun = first.peer_addr().unwrap();
    silence(&first);
    let first = echo_one(&listener, &mut client, Some(first));
    assert_eq!(first.peer_addr().unwrap(), begun, "slow, but healthy");

    // A NAT on the way has forgotten this connection, and no other.
    silence(&first);
    let forgotten = Condition::tcp().port(begun.port());
    let rule = Rule::new("forgotten", forgotten, Action::Drop);
    let rule = scene.lab().wire().add(rule).unwrap();
    let second = echo_one(&listener, &mut client, None);
    assert_ne!(second.peer_addr().unwrap(), begun);
    let count = scene.lab().wire().count(rule).unwrap();
    assert!(count.unwrap().acted > 0, "it was asked, in vain");

    // One that was closed is not handed out either, however recently it was heard.
    let second_begun = second.peer_addr().unwrap();
    second.shutdown(Shutdown::Write).unwrap();
    until("its FIN has arrived", || {
        deadpeer::inspect(&second).unwrap().state == Some(TcpState::FinWait2)
    });
    drop(second);
    let third = echo_one(&listener, &mut client, None);
    assert_ne!(third.peer_addr().unwrap(), second_begun);
}

/// Lets the pool's user say a word, echoes it over a known connection or the next to come, and
/// reads the report.
fn echo_one(listener: &TcpListener, client: &mut Program, known: Option<TcpStream>) -> TcpStream {
    client.say("word");
    let mut stream = known.unwrap_or_else(|| accept(listener));
    let mut word = [0; 4];
    stream.read_exact(&mut word).unwrap();
    stream.write_all(&word).unwrap();
    let line = client.line(SOON);
    let peer = stream.peer_addr().unwrap();
    assert_eq!(line, format!("word through {peer}"));
    stream
}
