//! What differs between two readings of TCP_INFO, in words for a person. Nothing here decides
//! anything.

use std::time::Duration;

use deadpeer_core::{TcpInfo, TcpState};

use super::seen::{Question, Seen};

/// Looks at one connection again and again. Times count from its beginning.
#[derive(Debug)]
pub(super) struct Observer {
    /// The pure acknowledgements that came, and the bytes that were acknowledged.
    heard: Option<(u32, u64)>,
    unanswered: u32,
    question: Question,
    /// The longest silence while questions were open.
    silent: Duration,
    /// The next silence to speak of.
    speak_at: Duration,
    deadline: Duration,
    window_closed: Option<Duration>,
    fin: bool,
}

impl Observer {
    pub(super) fn new(deadline: Duration) -> Self {
        Self {
            heard: None,
            unanswered: 0,
            question: Question::Probe,
            silent: Duration::ZERO,
            speak_at: deadline,
            deadline,
            window_closed: None,
            fin: false,
        }
    }

    /// What the kernel asked last, and how often without an answer.
    pub(super) fn open(&self) -> (Question, u32) {
        (self.question, self.unanswered)
    }

    /// Takes a reading made at `at`.
    pub(super) fn observe(&mut self, at: Duration, info: &TcpInfo) -> Vec<Seen> {
        let mut seen = Vec::new();
        self.note_window(at, info, &mut seen);
        self.note_questions(info, &mut seen);
        self.note_silence(info, &mut seen);
        let finished = info.state.is_some_and(TcpState::peer_has_finished);
        if finished && !self.fin {
            self.fin = true;
            seen.push(Seen::Fin);
        }
        seen
    }

    fn note_window(&mut self, at: Duration, info: &TcpInfo, seen: &mut Vec<Seen>) {
        let waiting = info.notsent_bytes.filter(|bytes| *bytes > 0);
        match (info.snd_wnd == Some(0), waiting, self.window_closed) {
            (true, Some(waiting), None) => {
                self.window_closed = Some(at);
                seen.push(Seen::WindowClosed { waiting });
            }
            (false, _, Some(since)) | (true, None, Some(since)) if is_open(info) => {
                self.window_closed = None;
                let after = at.saturating_sub(since);
                seen.push(Seen::WindowOpen { after });
            }
            _ => {}
        }
    }

    fn note_questions(&mut self, info: &TcpInfo, seen: &mut Vec<Seen>) {
        let retransmits = u32::from(info.retransmits.unwrap_or(0));
        let probes = u32::from(info.probes.unwrap_or(0));
        let unanswered = retransmits + probes;
        let silent = info.heard_ago().unwrap_or_default();
        if unanswered > self.unanswered {
            self.question = match (retransmits, self.window_closed) {
                (1.., _) => Question::Retransmission,
                (0, Some(_)) => Question::WindowProbe,
                (0, None) => Question::Probe,
            };
            seen.push(Seen::Unanswered {
                what: self.question,
                count: unanswered,
                silent,
            });
        } else if unanswered == 0 && self.unanswered > 0 && is_open(info) {
            seen.push(Seen::HeardAgain {
                unanswered: self.unanswered,
                silent: self.silent,
            });
        }
        // A connection that is over keeps its counters, but for some ends that clear them.
        if is_open(info) || unanswered > 0 {
            self.unanswered = unanswered;
            self.silent = silent;
        }
        let heard = answers(info);
        if let (Some(before), Some(now)) = (self.heard, heard)
            && now.0 != before.0
            && now.1 == before.1
        {
            seen.push(Seen::Answered);
        }
        self.heard = heard;
    }

    /// Speaks at the deadline, and each time the silence has doubled.
    fn note_silence(&mut self, info: &TcpInfo, seen: &mut Vec<Seen>) {
        let Some(silent) = info.heard_ago().filter(|_| is_open(info)) else {
            return;
        };
        if silent < self.deadline {
            self.speak_at = self.deadline;
        } else if silent >= self.speak_at {
            self.speak_at *= 2;
            let unanswered = self.unanswered;
            seen.push(Seen::Silent { silent, unanswered });
        }
    }
}

/// Pure acknowledgements so far, and the bytes acknowledged by any.
fn answers(info: &TcpInfo) -> Option<(u32, u64)> {
    let pure = info.segs_in?.wrapping_sub(info.data_segs_in?);
    Some((pure, info.bytes_acked?))
}

fn is_open(info: &TcpInfo) -> bool {
    info.state != Some(TcpState::Close)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn info() -> TcpInfo {
        let mut info = TcpInfo::default();
        info.state = Some(TcpState::Established);
        info.last_data_recv_ms = Some(100);
        info.last_ack_recv_ms = Some(100);
        info.segs_in = Some(10);
        info.data_segs_in = Some(5);
        info.bytes_acked = Some(50);
        info.probes = Some(0);
        info.retransmits = Some(0);
        info
    }

    #[test]
    fn questions_are_counted_until_the_peer_is_heard() {
        let mut observer = Observer::new(SECOND * 30);
        let mut now = info();
        assert_eq!(observer.observe(SECOND, &now), []);
        now.probes = Some(2);
        now.last_data_recv_ms = Some(3_000);
        now.last_ack_recv_ms = Some(3_000);
        let silent = SECOND * 3;
        let two = Seen::Unanswered {
            what: Question::Probe,
            count: 2,
            silent,
        };
        assert_eq!(observer.observe(SECOND * 4, &now), [two]);
        assert_eq!(observer.observe(SECOND * 4, &now), []);
        let mut again = info();
        again.segs_in = Some(11);
        let seen = observer.observe(SECOND * 5, &again);
        let heard = Seen::HeardAgain {
            unanswered: 2,
            silent,
        };
        assert_eq!(seen, [heard, Seen::Answered]);
    }

    #[test]
    fn a_closed_window_has_probes_of_its_own() {
        let mut observer = Observer::new(SECOND * 30);
        let mut now = info();
        now.snd_wnd = Some(0);
        now.notsent_bytes = Some(700);
        assert_eq!(
            observer.observe(SECOND, &now),
            [Seen::WindowClosed { waiting: 700 }]
        );
        now.probes = Some(1);
        let seen = observer.observe(SECOND * 2, &now);
        assert!(matches!(
            seen[..],
            [Seen::Unanswered {
                what: Question::WindowProbe,
                count: 1,
                ..
            }]
        ));
        let mut open = info();
        open.snd_wnd = Some(4096);
        let seen = observer.observe(SECOND * 3, &open);
        assert_eq!(seen[0], Seen::WindowOpen { after: SECOND * 2 });
    }

    #[test]
    fn silence_is_spoken_of_at_the_deadline_and_when_it_doubled() {
        let mut observer = Observer::new(SECOND * 10);
        let mut silences = Vec::new();
        let mut now = info();
        for second in 1..=45 {
            now.last_data_recv_ms = Some(second * 1_000);
            now.last_ack_recv_ms = Some(second * 1_000);
            let seen = observer.observe(SECOND * second, &now);
            for seen in seen {
                let Seen::Silent { silent, .. } = seen else {
                    panic!("{seen:?}");
                };
                silences.push(silent.as_secs());
            }
        }
        assert_eq!(silences, [10, 20, 40]);
    }

    #[test]
    fn what_the_end_leaves_is_no_sign_of_life() {
        let mut observer = Observer::new(SECOND * 10);
        let mut now = info();
        now.retransmits = Some(3);
        observer.observe(SECOND, &now);
        now.state = Some(TcpState::Close);
        now.retransmits = Some(0);
        assert_eq!(observer.observe(SECOND * 2, &now), []);
        assert_eq!(observer.open(), (Question::Retransmission, 3));
    }
}
