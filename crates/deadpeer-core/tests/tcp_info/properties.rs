//! Whatever the bytes, their number and the kernel: decoding never panics, and a field is present
//! exactly when the bytes hold all of it.

use deadpeer_core::tcp_info::{AccEcnOption, EcnMode, LAYOUTS, TcpInfoView};
use deadpeer_core::{KernelVersion, TcpInfo, TcpState};
use proptest::prelude::*;

use crate::raw::raw_numbers;

/// Every kernel in which a layout or a meaning began, the one before it, and the absence of
/// knowledge.
fn kernels() -> impl Strategy<Value = Option<KernelVersion>> {
    let mut versions = vec![None];
    let meanings = [(4, 15), (5, 5), (7, 0), (7, 1)].map(|(a, b)| KernelVersion::new(a, b));
    for kernel in LAYOUTS.iter().map(|(_, kernel)| *kernel).chain(meanings) {
        versions.push(Some(kernel));
        let before = KernelVersion::new(kernel.major, kernel.minor.saturating_sub(1));
        versions.push(Some(before));
    }
    prop::sample::select(versions)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let any_length = prop::collection::vec(any::<u8>(), 0..=320);
    // Few random first bytes are a state, so half of the cases get one.
    (any_length, prop::option::of(1..=13_u8)).prop_map(|(mut bytes, state)| {
        if let (Some(first), Some(state)) = (bytes.first_mut(), state) {
            *first = state;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in bytes(), kernel in kernels()) {
        let info = TcpInfo::decode(&bytes, kernel);
        prop_assert_eq!(info.state, bytes.first().copied().and_then(TcpState::from_kernel));
    }

    /// The view reads exactly the bytes at a field's place, and nothing of a field cut in half.
    #[test]
    fn a_field_cut_in_half_is_absent(bytes in bytes()) {
        for (name, offset, width, value) in raw_numbers(TcpInfoView::new(&bytes)) {
            let mut expected = None;
            if let Some(field) = bytes.get(offset..offset + width) {
                let number = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
                expected = Some(if cfg!(target_endian = "big") {
                    field.iter().fold(0, number)
                } else {
                    field.iter().rev().fold(0, number)
                });
            }
            prop_assert_eq!(value, expected, "{}", name);
        }
    }

    /// Of the fields whose every value has a meaning, none is invented and none is lost.
    #[test]
    fn presence_follows_the_size(bytes in bytes(), kernel in kernels()) {
        let info = TcpInfo::decode(&bytes, kernel);
        let listener = info.state == Some(TcpState::Listen);
        let reported = |end: usize| end <= bytes.len() && !listener;
        prop_assert_eq!(info.retransmits.is_some(), reported(3));
        prop_assert_eq!(info.probes.is_some(), reported(4));
        prop_assert_eq!(info.backoff.is_some(), reported(5));
        prop_assert_eq!(info.rto_us.is_some(), reported(12));
        prop_assert_eq!(info.unacked.is_some(), reported(28));
        prop_assert_eq!(info.accept_queue.is_some(), listener && bytes.len() >= 28);
        prop_assert_eq!(info.accept_queue_max.is_some(), listener && bytes.len() >= 32);
        prop_assert_eq!(info.total_retrans.is_some(), reported(104));
        prop_assert_eq!(info.bytes_acked.is_some(), reported(128));
        prop_assert_eq!(info.bytes_received.is_some(), reported(136));
        prop_assert_eq!(info.segs_in.is_some(), reported(144));
        prop_assert_eq!(info.data_segs_in.is_some(), reported(156));
        prop_assert_eq!(info.bytes_retrans.is_some(), reported(216));
        prop_assert_eq!(info.rcv_wnd.is_some(), reported(236));
        prop_assert_eq!(info.total_rto.is_some(), reported(242));
        prop_assert_eq!(info.total_rto_recoveries.is_some(), reported(244));
        prop_assert_eq!(info.total_rto_time_ms.is_some(), reported(248));
        prop_assert_eq!(info.received_ce_bytes.is_some(), reported(276));
    }

    /// The last word has two meanings at one size: without the kernel it has none.
    #[test]
    fn the_last_word_needs_the_kernel(word: u32, kernel in kernels()) {
        let mut bytes = [0; 280];
        bytes[0] = 1;
        bytes[276..].copy_from_slice(&word.to_le_bytes());
        if cfg!(target_endian = "big") {
            return Ok(()); // Below are the little-endian layouts, spelled out.
        }
        let info = TcpInfo::decode(&bytes, kernel);
        let option = |n| match n {
            0 => Some(AccEcnOption::NotSeen),
            1 => Some(AccEcnOption::Empty),
            2 => Some(AccEcnOption::Counter),
            3 => Some(AccEcnOption::Failed),
            _ => None,
        };
        let modes = [EcnMode::Disabled, EcnMode::Rfc3168, EcnMode::AccEcn, EcnMode::Pending];
        let failures = info.accecn_fail_mode.map(|failures| u32::from(failures.bits()));
        if kernel >= Some(KernelVersion::new(7, 0)) {
            prop_assert_eq!(info.ecn_mode, Some(modes[(word & 3) as usize]));
            prop_assert_eq!(info.accecn_opt_seen, option(word >> 2 & 3));
            prop_assert_eq!(failures, Some(word >> 4 & 15));
            prop_assert_eq!(info.options2, Some(word >> 8));
        } else if kernel >= Some(KernelVersion::new(6, 18)) {
            prop_assert_eq!(info.accecn_opt_seen, option(word >> 16));
            prop_assert_eq!(failures, Some(word & 0xffff));
            prop_assert_eq!((info.ecn_mode, info.options2), (None, None));
        } else {
            prop_assert_eq!((info.accecn_opt_seen, failures), (None, None));
            prop_assert_eq!((info.ecn_mode, info.options2), (None, None));
        }
    }
}
