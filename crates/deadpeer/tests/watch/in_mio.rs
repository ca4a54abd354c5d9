//! A watch as a source of events in mio.

use std::time::Duration;

use deadpeer::{News, Watch};
use deadpeer_sys::testing::in_private_netns;
use mio::{Events, Interest, Poll, Token};

use crate::{pair, told};

#[test]
fn a_watch_is_a_source_like_any_other() {
    in_private_netns(|| {
        let mut poll = Poll::new().unwrap();
        let mut watch = Watch::new().unwrap();
        poll.registry()
            .register(&mut watch, Token(7), Interest::READABLE)
            .unwrap();
        let mut events = Events::with_capacity(8);
        for key in 0..3 {
            let (socket, peer) = pair();
            watch.add(&socket, key).unwrap();
            poll.poll(&mut events, Some(Duration::from_millis(10)))
                .unwrap();
            assert!(events.is_empty(), "nothing has happened");
            drop(peer);
            poll.poll(&mut events, Some(Duration::from_secs(10)))
                .unwrap();
            assert!(events.iter().any(|event| event.token() == Token(7)));
            let news = told(&mut watch, Duration::ZERO);
            assert_eq!(news.len(), 1);
            assert_eq!(news[0].key, key);
            assert!(matches!(news[0].news, News::Died(_)));
        }
        poll.registry().deregister(&mut watch).unwrap();
    });
}
