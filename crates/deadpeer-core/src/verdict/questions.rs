//! How many questions were answered between two readings, and how many were not.
//!
//! Questions are probes and data. TCP_INFO counts neither answers nor probes, only segments, so
//! both are bounded, each from the side on which an error does not make the loss look smaller than
//! it is, nor larger.

use super::evidence::Counters;

/// What a segment counts as that the peer says came twice (RFC 2883): it was not lost on the way
/// there, and whether the answer to the first was lost or only late, nobody knows. A tail-loss
/// probe that was sent a few milliseconds too soon is one, and clean paths have many.
const CAME_TWICE: f64 = 0.5;

/// The questions that failed and those that were answered between two readings on a connection that
/// lived.
///
/// What is open at the end may still be answered: it is a silence, not a loss. What was open at the
/// beginning has failed since. There was time for so many answered probes at most beside those in
/// vain: the rest of what looks like answers are probes of the peer. So many may have been too
/// hasty to be answered: they are no questions.
pub(super) fn questions_between(
    before: &Counters,
    after: &Counters,
    hasty: u8,
    most_answered: impl Fn(f64) -> f64,
) -> (f64, f64) {
    let (probes_failed, probes_answered) = probes_between(before, after, hasty, most_answered);
    let (data_failed, data_answered) = data_between(before, after);
    (probes_failed + data_failed, probes_answered + data_answered)
}

/// A segment without data that answers no segment of data is a probe. One that came may be the
/// answer to a probe or to data; where that can't be told it makes a probe neither failed nor
/// answered.
///
/// Without data in either direction the failed ones are exact. A probe of the peer comes without
/// data and is answered without data, so it looks like one of ours with its answer.
fn probes_between(
    before: &Counters,
    after: &Counters,
    hasty: u8,
    most_answered: impl Fn(f64) -> f64,
) -> (f64, f64) {
    let acks = f64::from(after.acks_since(before));
    let data_out = since(after.data_segs_out, before.data_segs_out);
    let data_in = since(after.data_segs_in, before.data_segs_in);
    let said = since(after.segs_out, before.segs_out) - data_out;
    let asked = (said - data_in).max(0.0);
    let in_vain = (asked - acks).max(0.0);
    let asked = asked + f64::from(before.probes);
    let unheard = asked - acks.min(asked) - f64::from(after.probes);
    let failed = (unheard - f64::from(hasty)).max(0.0);
    let answered = (acks - data_out).clamp(0.0, asked);
    (failed, answered.min(most_answered(in_vain)))
}

/// Every retransmission stands for a lost segment, but for those that the peer says came twice. An
/// answer that is lost leaves no trace among the others, so the way back is taken to lose as many
/// as the way there.
fn data_between(before: &Counters, after: &Counters) -> (f64, f64) {
    let sent = since(after.data_segs_out, before.data_segs_out);
    let sent_again = since(after.retransmitted, before.retransmitted);
    let twice = since(after.came_twice, before.came_twice).min(sent_again);
    let (was_open, is_open) = (before.resent_in_vain(), after.resent_in_vain());
    let lost = (sent_again + was_open - twice - is_open).max(0.0);
    let questions = (sent + was_open - is_open).max(lost);
    if questions == 0.0 {
        return (0.0, 0.0);
    }
    let failed = lost * (2.0 - lost / questions) + twice * CAME_TWICE;
    (failed, (questions - failed).max(0.0))
}

fn since(now: u32, then: u32) -> f64 {
    f64::from(now.wrapping_sub(then))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp_info::TcpInfo;

    /// What TCP_INFO counts, by its names.
    #[derive(Debug, Clone, Copy, Default)]
    struct Numbers {
        segs_out: u32,
        data_segs_out: u32,
        total_retrans: u32,
        segs_in: u32,
        data_segs_in: u32,
        dsack_dups: u32,
        probes: u8,
        retransmits: u8,
    }

    impl Numbers {
        /// Not at the beginning, and near where the counters wrap around.
        fn counters(self) -> Counters {
            let late = |n: u32| Some(n.wrapping_sub(10));
            Counters::of(&TcpInfo {
                segs_out: late(self.segs_out),
                data_segs_out: late(self.data_segs_out),
                total_retrans: late(self.total_retrans),
                segs_in: late(self.segs_in),
                data_segs_in: late(self.data_segs_in),
                dsack_dups: late(self.dsack_dups),
                probes: Some(self.probes),
                retransmits: Some(self.retransmits),
                bytes_acked: Some(0),
                ..TcpInfo::default()
            })
        }
    }

    fn until(after: Numbers) -> (f64, f64) {
        between(Numbers::default(), after)
    }

    fn between(before: Numbers, after: Numbers) -> (f64, f64) {
        let any = |_in_vain| f64::INFINITY;
        let (failed, answered) = questions_between(&before.counters(), &after.counters(), 0, any);
        // Thousandths, for data is multiplied.
        let round = |n: f64| (n * 1e3).round() / 1e3;
        (round(failed), round(answered))
    }

    fn probes(segs_out: u32, segs_in: u32, probes: u8) -> Numbers {
        Numbers {
            segs_out,
            segs_in,
            probes,
            ..Numbers::default()
        }
    }

    fn data(data_segs_out: u32, total_retrans: u32, retransmits: u8) -> Numbers {
        Numbers {
            segs_out: data_segs_out,
            data_segs_out,
            total_retrans,
            segs_in: data_segs_out - total_retrans,
            retransmits,
            ..Numbers::default()
        }
    }

    #[test]
    fn without_data_every_segment_out_is_a_question_and_every_segment_in_an_answer() {
        assert_eq!(until(probes(5, 5, 0)), (0.0, 5.0));
        assert_eq!(until(probes(5, 2, 0)), (3.0, 2.0));
        assert_eq!(until(probes(0, 0, 0)), (0.0, 0.0));
    }

    #[test]
    fn what_is_still_open_has_not_failed_yet() {
        assert_eq!(until(probes(5, 2, 3)), (0.0, 2.0));
        assert_eq!(until(probes(5, 2, 1)), (2.0, 2.0));
    }

    #[test]
    fn what_was_open_before_has_failed_since() {
        let before = probes(0, 0, 4);
        assert_eq!(between(before, probes(1, 1, 0)), (4.0, 1.0));
        assert_eq!(between(before, probes(1, 1, 5)), (0.0, 1.0));
        let resent = Numbers {
            retransmits: 4,
            ..Numbers::default()
        };
        assert_eq!(between(resent, data(5, 0, 0)), (7.5, 2.5));
    }

    /// The peer's own probes draw answers out of us and are no questions of ours.
    #[test]
    fn no_more_is_answered_than_was_asked() {
        assert_eq!(until(probes(2, 9, 0)), (0.0, 2.0));
    }

    /// Ten seconds, a probe a second: four of ours were answered and six were not, and six of the
    /// peer's came.
    #[test]
    fn probes_of_the_peer_leave_no_room_for_answers() {
        let before = Numbers::default().counters();
        let after = probes(16, 10, 0).counters();
        let in_ten = |in_vain| 10.0 - in_vain;
        assert_eq!(questions_between(&before, &after, 0, in_ten), (6.0, 4.0));
    }

    /// Measured behind a window that had just closed, on a path without loss.
    #[test]
    fn what_was_asked_too_hastily_has_not_failed() {
        let before = Numbers::default().counters();
        let any = |_in_vain| f64::INFINITY;
        let after = probes(3, 1, 1).counters();
        assert_eq!(questions_between(&before, &after, 2, any), (0.0, 1.0));
        let lossy = probes(9, 3, 1).counters();
        assert_eq!(questions_between(&before, &lossy, 2, any), (3.0, 3.0));
    }

    /// An acknowledgement may belong to data or to a probe.
    #[test]
    fn probes_beside_data_count_as_far_as_they_can_be_told() {
        let mixed = |segs_out, data_segs_out, segs_in| Numbers {
            segs_out,
            data_segs_out,
            segs_in,
            ..Numbers::default()
        };
        // One of data, 40 probes, 15 answers.
        assert_eq!(until(mixed(41, 1, 15)), (25.0, 14.0 + 1.0));
        // 20 of data, acknowledged two by two, and five probes with their answers.
        assert_eq!(until(mixed(25, 20, 15)), (0.0, 20.0));
        // As many answers as there are probes, of which all may belong to data.
        assert_eq!(until(mixed(25, 20, 5)), (0.0, 20.0));
        assert_eq!(until(mixed(25, 20, 3)), (2.0, 20.0));
    }

    #[test]
    fn acknowledging_what_comes_asks_nothing() {
        let reading = |segs_out| Numbers {
            segs_out,
            segs_in: 40,
            data_segs_in: 40,
            ..Numbers::default()
        };
        assert_eq!(until(reading(20)), (0.0, 0.0));
        assert_eq!(until(reading(40)), (0.0, 0.0));
        assert_eq!(until(reading(43)), (3.0, 0.0));
    }

    #[test]
    fn with_data_a_retransmission_counts_for_both_ways() {
        assert_eq!(until(data(20, 0, 0)), (0.0, 20.0));
        // A fifth is lost: 1 - 0.8^2 = 0.36.
        assert_eq!(until(data(25, 5, 0)), (9.0, 16.0));
    }

    #[test]
    fn retransmissions_without_an_answer_yet_are_no_loss() {
        assert_eq!(until(data(25, 5, 4)), (0.0, 20.0));
        assert_eq!(until(data(25, 5, 2)), (3.818, 18.182));
    }

    /// Measured behind a closed window on a path without loss: the last segment was sent again by a
    /// tail-loss probe.
    #[test]
    fn what_came_twice_was_not_lost() {
        let filled = Numbers {
            dsack_dups: 1,
            ..data(10, 1, 0)
        };
        assert_eq!(until(filled), (0.5, 9.5));
        let reported_late = Numbers {
            dsack_dups: 3,
            ..data(10, 1, 0)
        };
        assert_eq!(until(reported_late), (0.5, 9.5));
    }

    /// Only the way back loses, two of five, and each of a thousand writes is alone. It is sent
    /// again until an answer comes, and that answer reports the last of the duplicates.
    #[test]
    fn loss_on_the_way_back_alone_is_measured_too() {
        let reading = Numbers {
            dsack_dups: 400,
            ..data(1_667, 667, 0)
        };
        let (failed, answered) = until(reading);
        let failing = failed / (failed + answered);
        assert!((0.38..0.45).contains(&failing), "{failing}");
    }
}
