//! The pings that are out.

use std::time::Duration;

/// An end has at most this many pings without a pong: more would say nothing more, and would arrive
/// as a flood on a path that held them up.
pub(super) const MOST_UNANSWERED: usize = 8;

/// A ping that the transport has taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) sequence: u64,
    pub(super) echo: u64,
    pub(super) sent: Duration,
}

/// The pings without a pong, oldest first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Questions {
    ring: [Option<Question>; MOST_UNANSWERED],
    /// The highest number that was sent.
    asked: u64,
    /// The highest number that was sent before the peer was heard last.
    heard_after: u64,
}

/// Why a pong is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAnswer {
    Unasked,
    WrongEcho,
}

impl Questions {
    /// Whether no more may be asked.
    pub(super) fn is_full(&self) -> bool {
        self.open().count() == MOST_UNANSWERED
    }

    /// Adds a question; there must be room.
    pub(super) fn ask(&mut self, question: Question) {
        if let Some(free) = self.ring.iter_mut().find(|place| place.is_none()) {
            *free = Some(question);
            self.asked = question.sequence;
        }
    }

    /// The answer to this and all earlier questions; returns how long it took.
    pub(super) fn answer(
        &mut self,
        sequence: u64,
        echo: Option<u64>,
        now: Duration,
    ) -> Result<Duration, NoAnswer> {
        let question = self.open().find(|question| question.sequence == sequence);
        let question = question.ok_or(NoAnswer::Unasked)?;
        if echo.is_some_and(|echo| echo != question.echo) {
            return Err(NoAnswer::WrongEcho);
        }
        let mut rest = [None; MOST_UNANSWERED];
        let still_open = self.open().filter(|q| q.sequence > sequence);
        for (place, question) in rest.iter_mut().zip(still_open) {
            *place = Some(question);
        }
        self.ring = rest;
        Ok(now.saturating_sub(question.sent))
    }

    /// Something was heard, an answer or not.
    pub(super) fn heard(&mut self) {
        self.heard_after = self.asked;
    }

    /// When the first question went out that nothing was heard after.
    pub(super) fn first_unheard(&self) -> Option<Duration> {
        self.unheard().next().map(|question| question.sent)
    }

    /// How many questions went out that nothing was heard after.
    pub(super) fn count_unheard(&self) -> u32 {
        self.unheard().count() as u32
    }

    fn unheard(&self) -> impl Iterator<Item = Question> {
        self.open().filter(|q| q.sequence > self.heard_after)
    }

    fn open(&self) -> impl Iterator<Item = Question> {
        self.ring.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn asked(count: u64) -> Questions {
        let mut questions = Questions::default();
        for sequence in 1..=count {
            questions.ask(Question {
                sequence,
                echo: sequence * 100,
                sent: at(sequence),
            });
        }
        questions
    }

    #[test]
    fn an_answer_settles_all_earlier_questions() {
        let mut questions = asked(5);
        assert_eq!(questions.answer(3, Some(300), at(7)), Ok(at(4)));
        for settled in [1, 2, 3] {
            assert_eq!(
                questions.answer(settled, None, at(7)),
                Err(NoAnswer::Unasked)
            );
        }
        assert_eq!(questions.count_unheard(), 2);
        assert_eq!(questions.first_unheard(), Some(at(4)));
        questions.heard();
        assert_eq!(questions.first_unheard(), None);
        assert_eq!(questions.answer(5, None, at(7)), Ok(at(2)));
    }

    #[test]
    fn what_was_never_asked_has_no_answer() {
        let mut questions = asked(2);
        for (sequence, echo, why) in [
            (0, None, NoAnswer::Unasked),
            (3, None, NoAnswer::Unasked),
            (2, Some(100), NoAnswer::WrongEcho),
        ] {
            assert_eq!(questions.answer(sequence, echo, at(3)), Err(why));
        }
        assert_eq!(
            questions.count_unheard(),
            2,
            "a refused pong settles nothing"
        );
    }

    #[test]
    fn there_is_room_for_eight() {
        let mut questions = asked(8);
        assert!(questions.is_full() && !asked(7).is_full());
        assert_eq!(questions.answer(2, Some(200), at(20)), Ok(at(18)));
        assert!(!questions.is_full());
        assert_eq!(questions.answer(2, None, at(20)), Err(NoAnswer::Unasked));
    }
}
