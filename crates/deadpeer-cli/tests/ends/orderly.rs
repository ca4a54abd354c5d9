//! Nothing goes wrong: data in both directions, orderly ends, exit code 0.

use std::process::Stdio;

use deadpeer_lab::testing::inside;

use crate::common::deadpeer;
use crate::end::{End, SOON};
use crate::room::lab;

#[test]
fn data_goes_both_ways_and_an_end_in_order_is_no_loss() {
    inside(|| {
        let lab = lab(["client"]);
        let [server, client] = lab.hosts() else {
            unreachable!()
        };
        let (mut listen, listening) = End::listening(server, "--once");
        assert_eq!(
            (listening.method.as_str(), listening.within_ms),
            ("supervised", 30_000)
        );
        let arguments = format!("connect [{}]:8888 --shutdown", server.v6());
        let mut connect = End::start(client, &arguments);
        let (here, there) = (connect.connected(), listen.connected());
        assert_eq!(
            (&here.local, &here.peer),
            (&there.peer, &there.local),
            "both ends of one connection"
        );
        assert_eq!(
            (here.method.as_str(), here.within_ms),
            ("supervised", 30_000)
        );
        assert!(here.at_ms <= there.at_ms + 60_000);
        assert_eq!(here.settings["so_keepalive"], true);
        assert_eq!(here.notices_in["in_flight"]["worst"]["notice"], "within");

        connect.say("how are you?\n");
        listen.hear("how are you?\n");
        listen.say("fine\u{1b}\n");
        connect.hear("fine\u{1b}\n");

        connect.say_no_more();
        connect.seen("shut-down", SOON);
        let ended = listen.ended(SOON);
        assert!(!ended.lost, "{ended:?}");
        assert_eq!(
            (ended.by.as_str(), ended.cause.as_deref()),
            ("peer", Some("peer-closed"))
        );
        assert_eq!((ended.received, ended.sent), (13, 6));
        assert_eq!(listen.code(), 0);
        let ended = connect.ended(SOON);
        assert_eq!(
            (ended.lost, ended.by.as_str()),
            (false, "peer"),
            "{ended:?}"
        );
        assert_eq!(connect.code(), 0);
    });
}

#[test]
fn many_clients_hear_the_same_and_an_interrupt_ends_in_order() {
    inside(|| {
        let lab = lab(["one", "two"]);
        let [server, one, two] = lab.hosts() else {
            unreachable!()
        };
        let mut listen = End::listen(server, "--verbose");
        let (mut first, here) = End::connect(one, server, "");
        let (mut second, there) = End::connect(two, server, "");
        listen.connected();
        listen.connected();
        listen.say("for everybody");
        first.hear("for everybody");
        second.hear("for everybody");
        first.say("one");
        assert_eq!(listen.seen("received", SOON).peer, here.local);
        second.say("two");
        assert_eq!(listen.seen("received", SOON).peer, there.local);

        first.interrupt();
        let ended = first.ended(SOON);
        assert_eq!((ended.by.as_str(), ended.lost), ("us", false));
        assert_eq!(first.code(), 130);
        assert_eq!(listen.ended(SOON).peer, here.local);
        listen.interrupt();
        let ended = listen.ended(SOON);
        assert_eq!((ended.by.as_str(), ended.peer), ("us", there.local));
        assert_eq!(listen.code(), 130);
        assert_eq!(second.ended(SOON).cause.as_deref(), Some("peer-closed"));
        assert_eq!(second.code(), 0);
    });
}

/// Without `--json`: data alone on standard output, byte by byte, and what was seen in words on
/// standard error.
#[test]
fn data_passes_unchanged_and_news_is_for_people() {
    inside(|| {
        let lab = lab(["client"]);
        let [server, client] = lab.hosts() else {
            unreachable!()
        };
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n * 7 % 251) as u8).collect();
        let file = folder.path().join("bytes");
        std::fs::write(&file, &bytes).unwrap();
        let mut listen = End::listen(server, "--once");
        let mut command = deadpeer(&["connect", &format!("{}:8888", server.v4()), "--verbose"]);
        command.args(["-N", "--method", "recv"]);
        command.stdin(std::fs::File::open(&file).unwrap());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut connect = client.spawn(&mut command).unwrap();
        drop(command);
        let ended = listen.ended(SOON);
        assert_eq!((ended.received, ended.lost), (bytes.len() as u64, false));
        assert_eq!(listen.code(), 0);
        assert_eq!(connect.wait().unwrap().code(), Some(0));
        let mut said = String::new();
        let stderr = connect.child().stderr.as_mut().unwrap();
        std::io::Read::read_to_string(stderr, &mut said).unwrap();
        for words in [
            "recv: a read returns 0 or fails",
            "keepalive off, user timeout off",
            "the kernel notices that the peer vanished: idle never",
            "our sending half is shut down",
            "closed in order",
            "who: the peer itself",
            "what: method recv was shown a read returned 0",
            "why: both ends closed",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
    });
}

/// What comes is written as it came.
#[test]
fn what_comes_is_written_byte_by_byte() {
    inside(|| {
        let lab = lab(["client"]);
        let [server, client] = lab.hosts() else {
            unreachable!()
        };
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n * 7 % 251) as u8).collect();
        let sent = folder.path().join("sent");
        std::fs::write(&sent, &bytes).unwrap();
        let received = folder.path().join("received");
        let mut command = deadpeer(&["listen", ":8888", "--once"]);
        command.stdout(std::fs::File::create(&received).unwrap());
        command.stderr(Stdio::piped());
        let mut listen = server.spawn(&mut command).unwrap();
        drop(command);
        let mut stderr = std::io::BufReader::new(listen.child().stderr.take().unwrap());
        let mut first = String::new();
        std::io::BufRead::read_line(&mut stderr, &mut first).unwrap();
        assert!(first.contains("listening at [::]:8888"), "{first}");
        let mut command = deadpeer(&["connect", &format!("{}:8888", server.v4()), "-N"]);
        command.stdin(std::fs::File::open(&sent).unwrap());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut connect = client.spawn(&mut command).unwrap();
        drop(command);
        assert_eq!(connect.wait().unwrap().code(), Some(0));
        assert_eq!(listen.wait().unwrap().code(), Some(0));
        assert!(std::fs::read(&received).unwrap() == bytes);
    });
}

/// Whoever reads the news may go, too.
#[test]
fn a_reader_that_has_seen_enough_ends_it_without_an_error() {
    inside(|| {
        let lab = lab([]);
        let [server] = lab.hosts() else {
            unreachable!()
        };
        let mut command = deadpeer(&["listen", ":8888"]);
        command.stderr(Stdio::piped()).stdout(Stdio::null());
        let mut listen = server.spawn(&mut command).unwrap();
        drop(command);
        // The line that says that it listens has been written, or meets a closed pipe itself.
        drop(listen.child().stderr.take());
        let address = (server.v4(), 8888);
        let began = std::time::Instant::now();
        let status = loop {
            // Each client is news.
            let _ = server.enter(|| std::net::TcpStream::connect(address));
            if let Some(status) = listen.child().try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < SOON, "it goes on");
            std::thread::sleep(std::time::Duration::from_millis(20));
        };
        assert_eq!(status.code(), Some(0));
    });
}
