//! What must hold for any packets. The fuzzer calls it, and so does the test that replays the
//! corpus.

use deadpeer_capture::talk::Taken;
use deadpeer_capture::{Conversations, Limits, Link, Moment, Packet};

/// Two bytes of link type; then packets, each after a byte of time and a byte of length.
pub(crate) fn check(input: &[u8]) {
    let [high, low, packets @ ..] = input else {
        return;
    };
    let mut rest = packets;
    let link = Link(u16::from_be_bytes([*high, *low]));
    let mut conversations = Conversations::new(Limits {
        connections: 8,
        episodes: 8,
        closely: None,
        marks: true,
    });
    let mut nanos = 1_700_000_000_000_000_000_u64;
    let (mut taken, mut segments) = (0_u64, 0_u64);
    while let [wait, length, after @ ..] = rest {
        // From a microsecond to ten minutes, and back at times.
        nanos = match *wait {
            0 => nanos.saturating_sub(5_000_000_000),
            wait => nanos.saturating_add(1_000 << (wait % 30)),
        };
        let bytes = &after[..after.len().min(usize::from(*length))];
        rest = &after[bytes.len()..];
        let sight = conversations.take(&Packet {
            at: Some(Moment::from_nanos(nanos)),
            bytes,
            length: bytes.len() as u32,
            link,
            offset: 0,
        });
        taken += 1;
        if let Taken::Tcp(sighting) = sight {
            segments += 1;
            assert!(sighting.segment.length as usize <= bytes.len());
            assert!(sighting.conversation <= conversations.totals().connections);
        }
    }
    let totals = conversations.totals();
    assert_eq!((totals.packets, totals.segments), (taken, segments));
    let skipped: u64 = totals.skipped().map(|(_, count)| count).sum();
    assert_eq!(segments + totals.icmp_errors + skipped, taken);
    assert!(conversations.stories().count() as u64 == totals.connections - totals.evicted);
    for story in conversations.stories() {
        assert!(story.first <= story.last && story.last <= story.capture_ends);
        assert!(story.timeline.is_sorted_by_key(|event| event.at));
        assert!(!story.verdict.sentence(&story).is_empty());
        assert!(story.timeline.iter().all(|event| !event.words().is_empty()));
    }
}
