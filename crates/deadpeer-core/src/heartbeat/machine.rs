//! The machine of one end of one connection.

use std::collections::VecDeque;
use std::time::Duration;

use super::event::{Event, Standing, Violation, Wake, Why};
use super::jitter::Jitter;
use super::lateness::Lateness;
use super::message::{Hello, Received, Sent, Transmit};
use super::pace::Pace;
use super::questions::{NoAnswer, Question, Questions};
use super::queue::Queue;
use super::settings::Settings;
use super::strikes::{Strikes, Toll};

/// One end's heartbeat. See the [module](super) for how to drive it.
///
/// `now` is always a reading of the same clock, one that counts suspended time (`CLOCK_BOOTTIME`),
/// since any start. A reading before the last one is taken for the last one.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    settings: Settings,
    pace: Pace,
    peer: Option<Hello>,
    complaints: u32,
    strikes: Strikes,
    lateness: Lateness,
    queue: Queue,
    questions: Questions,
    jitter: Jitter,
    /// The jittered wait before the next ping.
    interval: Duration,
    /// The last ping that was handed out; its number is the count of all.
    pinged: Duration,
    sequence: u64,
    /// A ping that was handed out and that the transport has not yet taken.
    in_hand: Option<Question>,
    heard: Duration,
    ever_heard: bool,
    spoke: Duration,
    silent_since: Option<Duration>,
    round_trip: Option<Duration>,
    due: Due,
    events: VecDeque<Event>,
}

// A crowd is for whom this is too much.
const _: () = assert!(size_of::<Heartbeat>() <= 1_024);

/// Frames that want to go out.
#[derive(Debug, Clone, Copy, Default)]
struct Due {
    hello: bool,
    pong: Option<(u64, Option<u64>)>,
    complaint: bool,
    ping: bool,
}

impl Heartbeat {
    /// A machine for a connection that was established at `now`.
    #[must_use]
    pub fn new(settings: Settings, now: Duration) -> Self {
        let mut jitter = Jitter::new(settings.seed);
        let pace = Pace::alone(&settings);
        Self {
            settings,
            pace,
            peer: None,
            complaints: 0,
            strikes: Strikes::default(),
            lateness: Lateness::new(now),
            queue: Queue::default(),
            questions: Questions::default(),
            interval: jitter.shorten(pace.every.unwrap_or_default()),
            jitter,
            pinged: now,
            sequence: 0,
            in_hand: None,
            heard: now,
            ever_heard: false,
            spoke: now,
            silent_since: None,
            round_trip: None,
            due: Due {
                hello: settings.hello,
                ..Due::default()
            },
            events: VecDeque::new(),
        }
    }

    /// Something came. Whatever it is, it proves life.
    ///
    /// Call it for every read that brought bytes, before [`handle_timeout`](Self::handle_timeout)
    /// of the same moment.
    ///
    /// # Errors
    /// The peer did what no peer may do: close the connection with this reason.
    pub fn handle_received(&mut self, now: Duration, received: Received) -> Result<(), Violation> {
        let now = self.read_clock(now);
        self.hear(now);
        match received {
            Received::Data => Ok(()),
            Received::Hello(hello) => self.negotiate(hello),
            Received::Ping { sequence, echo } => self.answer(now, sequence, echo),
            Received::Pong { sequence, echo } => self.learn(now, sequence, echo),
            Received::TooOften => {
                self.back_off();
                Ok(())
            }
        }
    }

    /// The transport took bytes of ours. That proves nothing about the peer, but a ping counts as
    /// asked only from here on.
    pub fn handle_sent(&mut self, now: Duration, sent: Sent) {
        let now = self.read_clock(now);
        self.spoke = now;
        if self.queue.progress() {
            self.tell(Event::Unstuck);
        }
        match sent {
            Sent::Data => {}
            Sent::Ping { sequence } => {
                if let Some(ping) = self.in_hand.take_if(|ping| ping.sequence == sequence) {
                    self.questions.ask(Question { sent: now, ..ping });
                }
            }
        }
        if self.in_hand.is_some() {
            self.queue.wait(now);
        }
    }

    /// Bytes of the application's wait because the transport takes none (`EWOULDBLOCK`). May be
    /// repeated while that lasts; [`handle_sent`](Self::handle_sent) ends it.
    pub fn handle_blocked(&mut self, now: Duration) {
        let now = self.read_clock(now);
        self.queue.wait(now);
    }

    /// The time for which [`poll_timeout`](Self::poll_timeout) asked has come. Too early is
    /// harmless, too late is noticed.
    pub fn handle_timeout(&mut self, now: Duration) {
        let now = self.read_clock(now);
        let is_due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        if is_due(self.ask_at()) {
            self.due.ping = true;
        }
        if is_due(self.convict_at()) {
            self.silent_since = Some(now);
            self.tell(Event::Silent {
                since: self.silence(now),
                unanswered: self.unanswered(),
            });
        }
        if is_due(self.stuck_at()) {
            self.queue.reported = true;
            let since = self.queue.waiting_since().unwrap_or(now);
            self.tell(Event::Stuck { since: now - since });
        }
    }

    /// Asks now instead of when it is due: before a pooled connection is lent, say.
    pub fn ask(&mut self, now: Duration) {
        self.read_clock(now);
        self.due.ping = true;
    }

    /// The next frame to write, until `None`. Call it after each `handle_` function.
    pub fn poll_transmit(&mut self, now: Duration) -> Option<Transmit> {
        let now = self.read_clock(now);
        let frame = self.next_frame(now)?;
        self.queue.wait(now);
        Some(frame)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), and what for. It changes with every
    /// other call. `None`: nothing is awaited but bytes.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Wake> {
        let wake = |at: Option<Duration>, why| at.map(|at| Wake { at, why });
        [
            wake(self.convict_at(), Why::Convict),
            wake(self.ask_at(), Why::Ask),
            wake(self.stuck_at(), Why::Stuck),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|wake| wake.at)
    }

    /// What changed, one by one, until `None`. Of each kind of event only the last is kept.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What is known now.
    #[must_use]
    pub fn standing(&self, now: Duration) -> Standing {
        let now = self.lateness.now().max(now);
        let age = now - self.heard;
        let unanswered = self.unanswered();
        if self.silent_since.is_some() {
            return Standing::Silent { age, unanswered };
        }
        if let (true, Some(since)) = (self.queue.reported, self.queue.waiting_since()) {
            let since = now - since;
            return Standing::Stuck { since, age };
        }
        if unanswered > 0 || !self.ever_heard {
            return Standing::Waiting { age, unanswered };
        }
        Standing::Alive { age }
    }

    /// How long the last answered ping took there and back.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// How often this end asks, as agreed with the peer; `None`: it only answers.
    #[must_use]
    pub fn every(&self) -> Option<Duration> {
        self.pace.every
    }

    /// The silence after which the peer is called silent, as agreed; `None`: this end doesn't ask
    /// and the peer promised nothing.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.pace.deadline
    }

    fn next_frame(&mut self, now: Duration) -> Option<Transmit> {
        if std::mem::take(&mut self.due.hello) {
            return Some(Transmit::Hello(self.hello()));
        }
        if std::mem::take(&mut self.due.complaint) {
            return Some(Transmit::TooOften);
        }
        if let Some((sequence, echo)) = self.due.pong.take() {
            return Some(Transmit::Pong { sequence, echo });
        }
        let may_ask = self.in_hand.is_none() && !self.questions.is_full();
        if !may_ask || !std::mem::take(&mut self.due.ping) {
            return None;
        }
        self.sequence += 1;
        let ping = Question {
            sequence: self.sequence,
            echo: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
            sent: now,
        };
        self.in_hand = Some(ping);
        self.pinged = now;
        self.interval = self.jitter.shorten(self.pace.every.unwrap_or_default());
        Some(Transmit::Ping {
            sequence: ping.sequence,
            echo: ping.echo,
        })
    }

    /// After an interval in which nothing was heard, or nothing said; while an answer is missing,
    /// after each interval.
    fn ask_at(&self) -> Option<Duration> {
        self.pace.every?;
        if self.due.ping || self.in_hand.is_some() || self.questions.is_full() {
            return None;
        }
        Some(self.heard.min(self.spoke).max(self.pinged) + self.interval)
    }

    /// When the peer's silence has lasted long enough. Who asks gives every question its time, too.
    fn convict_at(&self) -> Option<Duration> {
        if self.silent_since.is_some() {
            return None;
        }
        let silent_enough = self.heard + self.pace.deadline? + self.lateness.excused();
        let Some(answer_time) = self.pace.answer_time() else {
            return Some(silent_enough);
        };
        match self.questions.first_unheard() {
            Some(asked) => Some(silent_enough.max(asked + answer_time)),
            // It owes answers to all that may be asked, though it was heard since.
            None => self.questions.is_full().then_some(silent_enough),
        }
    }

    fn stuck_at(&self) -> Option<Duration> {
        if self.queue.reported {
            return None;
        }
        let deadline = self.pace.deadline.unwrap_or(self.settings.deadline);
        Some(self.queue.waiting_since()? + deadline)
    }

    /// The clock, and whether we are late for what we wanted to do.
    fn read_clock(&mut self, now: Duration) -> Duration {
        let wake = self.poll_timeout();
        let deadline = self.pace.deadline.unwrap_or(self.settings.deadline);
        if let Some(by) = self.lateness.read(now, wake, deadline) {
            self.tell(Event::Late { by });
        }
        self.lateness.now()
    }

    fn hear(&mut self, now: Duration) {
        self.heard = now;
        self.ever_heard = true;
        self.lateness.forget();
        self.questions.heard();
        if let Some(since) = self.silent_since.take() {
            let mistaken = now - since;
            self.tell(Event::Recovered { mistaken });
        }
    }

    fn negotiate(&mut self, hello: Hello) -> Result<(), Violation> {
        let pace = Pace::agree(&self.settings, Some(hello), self.complaints)?;
        let is_news = self.peer.replace(hello).is_none() || self.pace != pace;
        self.adopt(pace);
        if is_news {
            self.tell(Event::Negotiated {
                every: pace.every,
                deadline: pace.deadline,
            });
        }
        Ok(())
    }

    fn back_off(&mut self) {
        self.complaints = self.complaints.saturating_add(1);
        let Ok(pace) = Pace::agree(&self.settings, self.peer, self.complaints) else {
            return;
        };
        if let (true, Some(every)) = (self.pace != pace, pace.every) {
            self.adopt(pace);
            self.due.hello = self.settings.hello;
            self.tell(Event::BackedOff { every });
        }
    }

    fn adopt(&mut self, pace: Pace) {
        if self.pace.every != pace.every {
            self.interval = self.jitter.shorten(pace.every.unwrap_or_default());
        }
        self.pace = pace;
    }

    fn answer(&mut self, now: Duration, sequence: u64, echo: Option<u64>) -> Result<(), Violation> {
        let floor = self.settings.floor;
        match self.strikes.ping(now, floor, self.settings.strikes) {
            Toll::Fine => {}
            Toll::Complain => self.due.complaint = true,
            Toll::Refuse => return Err(Violation::TooManyPings { floor }),
        }
        self.due.pong = Some((sequence, echo));
        Ok(())
    }

    fn learn(&mut self, now: Duration, sequence: u64, echo: Option<u64>) -> Result<(), Violation> {
        // Reader and writer may be two tasks, and the writer slower with its report.
        if let Some(ping) = self.in_hand.take_if(|ping| ping.sequence == sequence) {
            self.questions.ask(ping);
        }
        match self.questions.answer(sequence, echo, now) {
            Ok(round_trip) => {
                self.round_trip = Some(round_trip);
                Ok(())
            }
            Err(NoAnswer::Unasked) => Err(Violation::UnaskedPong { sequence }),
            Err(NoAnswer::WrongEcho) => Err(Violation::WrongEcho { sequence }),
        }
    }

    fn hello(&self) -> Hello {
        Hello {
            every: self.pace.every,
            floor: self.settings.floor,
        }
    }

    fn unanswered(&self) -> u32 {
        self.questions.count_unheard()
    }

    /// How long the peer has been silent while we ran.
    fn silence(&self, now: Duration) -> Duration {
        now.saturating_sub(self.heard + self.lateness.excused())
    }

    fn tell(&mut self, event: Event) {
        let kind = std::mem::discriminant(&event);
        self.events
            .retain(|old| std::mem::discriminant(old) != kind);
        self.events.push_back(event);
    }
}
