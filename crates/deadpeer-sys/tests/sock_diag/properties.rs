//! What must hold for any bytes: no panic, no endless loop, nothing read twice.

use deadpeer_sys::sock_diag::{Malformed, MessageKind, messages};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{RECORDED, checks};

/// Where each message of the recording begins.
fn starts() -> Vec<usize> {
    let mut starts = vec![];
    let mut at = 0;
    while at < RECORDED.len() {
        starts.push(at);
        let len = u32::from_ne_bytes(RECORDED[at..at + 4].try_into().unwrap());
        at += (len as usize).next_multiple_of(4);
    }
    starts
}

proptest! {
    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..4096)) {
        checks::check(&bytes);
    }

    #[test]
    fn the_recording_with_bytes_changed(changes in vec((0..RECORDED.len(), any::<u8>()), 1..20)) {
        let mut bytes = RECORDED.to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        checks::check(&bytes);
    }
}

#[test]
#[cfg(target_endian = "little")]
fn the_recording_cut_anywhere_gives_its_whole_messages_and_one_error() {
    let starts = starts();
    for cut in 0..RECORDED.len() {
        let whole = starts.iter().filter(|start| **start <= cut).count();
        let read: Vec<_> = messages(&RECORDED[..cut]).collect();
        let (last, before) = match read.split_last() {
            Some(split) => split,
            None => {
                assert_eq!(cut, 0);
                continue;
            }
        };
        assert!(before.iter().all(Result::is_ok), "cut at {cut}");
        match starts.contains(&cut) {
            true => assert_eq!(
                (last.is_ok(), read.len()),
                (true, whole - 1),
                "cut at {cut}"
            ),
            false => assert_eq!((last.is_err(), read.len()), (true, whole), "cut at {cut}"),
        }
        checks::check(&RECORDED[..cut]);
    }
}

/// A message with this type, flags and payload.
fn message(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((16 + payload.len() as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(7u32.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(payload);
    bytes
}

fn only(bytes: &[u8]) -> Result<MessageKind<'_>, Malformed> {
    let mut all = messages(bytes);
    let first = all.next().expect("one message");
    assert_eq!(all.next(), None);
    first.map(|message| {
        assert_eq!(message.seq, 7);
        message.kind
    })
}

#[test]
fn ends_errors_and_lost_data() {
    let errno = |errno: i32| errno.to_ne_bytes();
    assert_eq!(only(&message(3, 0, &[])), Ok(MessageKind::Done(None)));
    assert_eq!(only(&message(3, 0, &errno(0))), Ok(MessageKind::Done(None)));
    assert_eq!(
        only(&message(3, 0, &errno(-12))),
        Ok(MessageKind::Done(Some(12)))
    );
    assert_eq!(only(&message(2, 0, &errno(-2))), Ok(MessageKind::Error(2)));
    assert_eq!(only(&message(2, 0, &errno(0))), Ok(MessageKind::Error(0)));
    assert_eq!(
        only(&message(2, 0, &errno(i32::MIN))),
        Ok(MessageKind::Error(i32::MAX))
    );
    assert_eq!(only(&message(2, 0, &[1])), Err(Malformed::ShortError));
    assert_eq!(only(&message(4, 0, &[])), Ok(MessageKind::Overrun));
    assert_eq!(only(&message(1, 0, &[])), Ok(MessageKind::Other(1)));
    assert_eq!(
        only(&message(20, 0, &[2; 71])),
        Err(Malformed::ShortSocket { len: 71 })
    );
}

#[test]
fn a_family_or_a_state_nobody_asked_for_is_told_apart_from_nonsense() {
    let unknown_family = [9; 72];
    assert_eq!(
        only(&message(20, 0, &unknown_family)),
        Ok(MessageKind::Other(20))
    );
    let mut unknown_state = [0; 72];
    unknown_state[..2].copy_from_slice(&[2, 13]);
    assert_eq!(
        only(&message(18, 0, &unknown_state)),
        Ok(MessageKind::Other(18))
    );
}

#[test]
fn the_interrupted_flag_is_on_any_message() {
    for (flags, interrupted) in [(0x2, false), (0x12, true), (0x10, true)] {
        let bytes = message(3, flags, &[0; 4]);
        let read = messages(&bytes).next().unwrap().unwrap();
        assert_eq!(read.interrupted, interrupted);
    }
}

#[test]
fn an_attribute_longer_than_the_message_is_an_error() {
    let mut payload = vec![0; 72];
    payload[..2].copy_from_slice(&[2, 1]);
    payload.extend(300u16.to_ne_bytes());
    payload.extend(2u16.to_ne_bytes());
    assert_eq!(
        only(&message(20, 0, &payload)),
        Err(Malformed::Attribute { len: 300, left: 4 })
    );
    payload[72..74].copy_from_slice(&3u16.to_ne_bytes());
    assert_eq!(
        only(&message(20, 0, &payload)),
        Err(Malformed::Attribute { len: 3, left: 4 })
    );
}

#[test]
fn a_tcp_info_of_any_length_is_taken() {
    for len in [0u16, 1, 104, 192, 512] {
        let mut payload = vec![0; 72];
        payload[..2].copy_from_slice(&[10, 1]);
        payload.extend((4 + len).to_ne_bytes());
        payload.extend(2u16.to_ne_bytes());
        payload.resize(76 + usize::from(len), 0xaa);
        let bytes = message(20, 0, &payload);
        let MessageKind::Socket(socket) = only(&bytes).unwrap() else {
            panic!("a socket");
        };
        assert_eq!(socket.tcp_info.map(<[u8]>::len), Some(usize::from(len)));
    }
}
