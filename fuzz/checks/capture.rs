//! What must hold for any capture file. The fuzzer calls it, and so does the test that replays the
//! corpus.

use deadpeer_capture::{Conversations, Limits, Reader};

/// The input is a file, compressed or not.
pub(crate) fn check(input: &[u8]) {
    let Ok(mut capture) = Reader::new(input) else {
        return;
    };
    let mut conversations = Conversations::new(Limits {
        connections: 64,
        episodes: 8,
        closely: None,
        marks: true,
    });
    let mut offset = 0;
    let mut taken = 0_u64;
    let error = loop {
        match capture.next_packet() {
            Ok(Some(packet)) => {
                assert!(packet.offset >= offset, "records follow each other");
                assert!(packet.bytes.len() <= packet.length as usize);
                offset = packet.offset;
                conversations.take(&packet);
                taken += 1;
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        if taken >= 10_000 {
            // An archive may hold a thousand times its size.
            break None;
        }
    };
    if let Some(error) = error {
        assert!(error.offset() >= offset, "what could be read came before");
        assert!(!error.to_string().is_empty());
        assert!(matches!(capture.next_packet(), Ok(None)));
    }
    assert_eq!(conversations.totals().packets, taken);
    for story in conversations.stories() {
        assert!(!story.verdict.sentence(&story).is_empty());
    }
}
