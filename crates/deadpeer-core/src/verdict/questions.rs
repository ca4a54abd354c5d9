//! How many questions were answered between two readings, and how many were not.

use super::evidence::Counters;

/// The questions that failed and those that were answered between two readings on a connection that lived.
///
/// Without data, everything we sent was a probe and every pure ACK an answer. With data, every retransmission stands for a
/// lost segment; its way back could have failed as well, so it counts twice.
///
/// What is open at the end of it may still be answered: it is a silence, not a loss.
pub(super) fn questions_between(before: &Counters, after: &Counters) -> (f64, f64) {
    let since = |now: u32, then: u32| f64::from(now.wrapping_sub(then));
    let data_out = since(after.data_segs_out, before.data_segs_out);
    let data_in = since(after.data_segs_in, before.data_segs_in);
    if data_out == 0.0 && data_in == 0.0 {
        // Those that were open then have failed since.
        let asked = since(after.segs_out, before.segs_out) + f64::from(before.open);
        let answered = f64::from(after.acks_since(before)).min(asked);
        let failed = (asked - answered - f64::from(after.open)).max(0.0);
        return (failed, answered);
    }
    let sent_again = since(after.retransmitted, before.retransmitted);
    // A tail-loss probe precedes the first timeout.
    let open = match after.open {
        0 => 0.0,
        timeouts => f64::from(timeouts) + 1.0,
    };
    let lost = (sent_again - open).max(0.0);
    (2.0 * lost, (data_out - sent_again).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp_info::TcpInfo;

    /// Segments out, data segments out, retransmitted, segments in, data segments in, open questions.
    fn counters(numbers: [u32; 6]) -> Counters {
        let [out, data_out, again, into, data_in, open] = numbers;
        Counters::of(&TcpInfo {
            segs_out: Some(out),
            data_segs_out: Some(data_out),
            total_retrans: Some(again),
            segs_in: Some(into),
            data_segs_in: Some(data_in),
            probes: u8::try_from(open).ok(),
            bytes_acked: Some(0),
            ..TcpInfo::default()
        })
    }

    /// Ten of each had happened before.
    fn between(open_before: u32, changes: [u32; 6]) -> (f64, f64) {
        let before = [10, 10, 10, 20, 10, open_before];
        let mut after = before;
        for (after, change) in after.iter_mut().zip(changes) {
            *after += change;
        }
        after[5] = changes[5];
        questions_between(&counters(before), &counters(after))
    }

    #[test]
    fn without_data_every_segment_out_is_a_question_and_every_segment_in_an_answer() {
        assert_eq!(between(0, [5, 0, 0, 5, 0, 0]), (0.0, 5.0));
        assert_eq!(between(0, [5, 0, 0, 2, 0, 0]), (3.0, 2.0));
        assert_eq!(between(0, [0, 0, 0, 0, 0, 0]), (0.0, 0.0));
    }

    #[test]
    fn what_is_still_open_has_not_failed_yet() {
        assert_eq!(between(0, [5, 0, 0, 2, 0, 3]), (0.0, 2.0));
        assert_eq!(between(0, [5, 0, 0, 2, 0, 1]), (2.0, 2.0));
    }

    #[test]
    fn what_was_open_before_has_failed_since() {
        assert_eq!(between(4, [1, 0, 0, 1, 0, 0]), (4.0, 1.0));
        assert_eq!(between(4, [1, 0, 0, 1, 0, 5]), (0.0, 1.0));
    }

    /// The peer's own probes draw answers out of us and are no questions of ours.
    #[test]
    fn no_more_is_answered_than_was_asked() {
        assert_eq!(between(0, [2, 0, 0, 9, 0, 0]), (0.0, 2.0));
    }

    #[test]
    fn with_data_a_retransmission_counts_for_both_ways() {
        assert_eq!(between(0, [20, 20, 0, 20, 0, 0]), (0.0, 20.0));
        assert_eq!(between(0, [20, 20, 5, 15, 0, 0]), (10.0, 15.0));
        // Data from the peer alone asks nothing.
        assert_eq!(between(0, [8, 0, 0, 8, 8, 0]), (0.0, 0.0));
    }

    #[test]
    fn retransmissions_without_an_answer_yet_are_no_loss() {
        assert_eq!(between(0, [25, 25, 5, 20, 0, 4]), (0.0, 20.0));
        assert_eq!(between(0, [25, 25, 5, 20, 0, 2]), (4.0, 20.0));
    }

    #[test]
    fn counters_wrap_around() {
        let before = counters([10, u32::MAX - 4, u32::MAX, 20, 10, 0]);
        let after = counters([30, 5, 1, 40, 10, 0]);
        assert_eq!(questions_between(&before, &after), (4.0, 8.0));
    }
}
