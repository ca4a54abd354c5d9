//! Clients with two servers each: one loses its power, one is slow and lives.

use std::io::Write as _;
use std::time::Instant;

use deadpeer_lab::testing::inside;

use crate::scene::{DEADLINE, SOON, Scene, accept, hear, listen, silence, start};

#[test]
fn a_client_that_waits_hears_of_the_end_within_the_deadline() {
    inside(|| {
        let scene = Scene::new();
        let [doomed, living] = [scene.doomed(), scene.far()].map(|host| {
            let (listener, address) = listen(host);
            let mut client = start(scene.here(), "thread_client", &address, "connected to ");
            let mut server = accept(&listener);
            server.write_all(b"news\n").unwrap();
            assert_eq!(client.line(SOON), "heard news");
            (client, server)
        });
        let (mut client, _server) = doomed;
        scene.doom();
        let struck = Instant::now();
        let line = client.line(DEADLINE + SOON);
        let gone = "the server is gone: the peer stopped answering";
        assert!(line.starts_with(gone), "{line}");
        assert!(struck.elapsed() < DEADLINE + SOON);

        let (mut client, mut server) = living;
        server.write_all(b"more\n").unwrap();
        assert_eq!(client.line(SOON), "heard more");
        drop(server);
        assert_eq!(client.line(SOON), "the server finished");
    });
}

#[test]
fn a_client_that_asks_first_sends_nothing_to_the_dead() {
    inside(|| {
        let scene = Scene::new();
        let [doomed, living] = [scene.doomed(), scene.far()].map(|host| {
            let (listener, address) = listen(host);
            let mut client = start(scene.here(), "tokio_client", &address, "connected to ");
            let server = accept(&listener);
            client.say("one");
            assert_eq!(client.line(SOON), "sent");
            hear(&server, b"one\n");
            (client, server)
        });
        for (mut client, server) in [doomed, living] {
            silence(&server);
            client.say("two");
            assert_eq!(client.line(SOON), "sent");
            hear(&server, b"two\n");
            if server.local_addr().unwrap().ip() == scene.doomed().v4() {
                scene.doom();
                silence(&server);
                client.say("three");
                let line = client.line(SOON);
                let not_sent = "not sent, the server is not there: Unanswered";
                assert!(line.starts_with(not_sent), "{line}");
            }
        }
    });
}
