//! Nothing panics on any bytes, and the size of the pieces in which they come changes nothing.

use deadpeer_capture::talk::{Batch, Taken};
use deadpeer_capture::{Conversations, Limits, Link, Packet};
use proptest::prelude::*;

use crate::writer::{Order, Pieces, enhanced, interface, pcap, read_all, section};

fn files() -> impl Strategy<Value = Vec<u8>> {
    let packets = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..12);
    (
        packets,
        any::<bool>(),
        any::<bool>(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    )
        .prop_map(|(packets, big, ng, spoil)| {
            let order = if big { Order::Big } else { Order::Little };
            let mut file = if ng {
                let mut file = [section(order), interface(order, 101, 0, &[])].concat();
                for (n, packet) in packets.iter().enumerate() {
                    file.extend(enhanced(order, 0, n as u64 * 1_000_000, packet));
                }
                file
            } else {
                let packets: Vec<_> = (0..).zip(&packets).map(|(n, p)| (n, 0, &p[..])).collect();
                pcap(order, 0xa1b2_c3d4, 101, &packets)
            };
            for (place, value) in spoil {
                let place = place.index(file.len());
                file[place] = value;
            }
            file
        })
}

proptest! {
    #[test]
    fn the_size_of_the_pieces_changes_nothing(file in files(), sizes in prop::collection::vec(0_usize..40, 1..8)) {
        let sizes = if sizes.iter().all(|size| *size == 0) { vec![1] } else { sizes };
        let whole = read_all(&file[..]);
        let pieces = read_all(Pieces { bytes: &file, sizes: &sizes, turn: 0 });
        prop_assert_eq!(&whole.0, &pieces.0);
        prop_assert_eq!(whole.1.map(|e| e.to_string()), pieces.1.map(|e| e.to_string()));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), link in 0_u16..300) {
        let _ = read_all(&bytes[..]);
        let mut conversations = Conversations::new(Limits { connections: 4, episodes: 8, closely: None, marks: true });
        for (n, packet) in bytes.chunks(60).enumerate() {
            let at = deadpeer_capture::Moment::from_nanos(n as u64 * 700_000_000);
            conversations.take(&Packet { at: Some(at), bytes: packet, length: packet.len() as u32, link: Link(link), offset: 0 });
        }
        for story in conversations.stories() {
            prop_assert!(!story.verdict.sentence(&story).is_empty());
        }
    }

    /// Any order of any segments between two ends: numbers stay consistent, and every story can be
    /// told.
    #[test]
    fn any_segments_make_a_story(segments in prop::collection::vec(any::<([u8; 4], u16, u8, bool)>(), 0..120)) {
        let (mut batched, mut batch) = (Conversations::new(Limits::default()), Batch::default());
        let (mut alone, mut together) = (Vec::new(), Vec::new());
        let mut conversations = Conversations::new(Limits::default());
        let mut nanos = 1_714_560_950_000_000_000_u64;
        let mut taken = 0;
        for ([seq, ack, length, window], wait, flags, back) in segments {
            nanos += u64::from(wait) * 1_000_000;
            let frame = segment(back, (seq, ack), flags, window % 3, usize::from(length % 4));
            let at = deadpeer_capture::Moment::from_nanos(nanos);
            let packet = Packet { at: Some(at), bytes: &frame, length: frame.len() as u32, link: Link::RAW, offset: 0 };
            let sight = conversations.take(&packet);
            prop_assert!(matches!(sight, Taken::Tcp(_)));
            alone.push(sight);
            if batch.add(&packet) {
                batched.take_batch(&mut batch, |sight| together.push(sight));
            }
            taken += 1;
        }
        prop_assert_eq!(conversations.totals().segments, taken);
        batched.take_batch(&mut batch, |sight| together.push(sight));
        prop_assert_eq!(alone, together, "a batch changes nothing");
        let mut told = 0;
        for story in conversations.stories() {
            prop_assert!(story.first <= story.last);
            prop_assert!(story.timeline.is_sorted_by_key(|event| event.at));
            prop_assert!(!story.verdict.sentence(&story).is_empty());
            for event in &story.timeline {
                prop_assert!(!event.words().is_empty() && event.at <= event.until);
            }
            for counts in &story.counts {
                prop_assert!(counts.probes_answered <= counts.probes);
                prop_assert!(counts.window_probes_answered <= counts.window_probes);
                told += counts.packets + u64::from(counts.seen_twice);
            }
        }
        prop_assert_eq!(told, taken);
    }
}

/// Few sequence numbers, so that many of them fit together.
fn segment(back: bool, (seq, ack): (u8, u8), flags: u8, window: u8, length: usize) -> Vec<u8> {
    let mut frame = vec![0x45, 0, 0, 40 + length as u8, 0, 0, 0x40, 0, 64, 6, 0, 0];
    let (from, to) = if back { (2, 1) } else { (1, 2) };
    frame.extend([10, 0, 0, from, 10, 0, 0, to, 0, from, 0, to]);
    frame.extend(u32::from(seq % 8).wrapping_sub(4).to_be_bytes());
    frame.extend(u32::from(ack % 8).wrapping_sub(4).to_be_bytes());
    frame.extend([0x50, flags, 0, window, 0, 0, 0, 0]);
    frame.extend(vec![b'x'; length]);
    frame
}
