//! A connection as the kernel has it: who asks, who answers, and what its counters show.

use std::sync::OnceLock;
use std::time::Duration;

use deadpeer_core::{Kernel, TcpInfo, TcpState};
use deadpeer_host::protect::{Asking, Patience};

use crate::machine::DEADLINE;
use crate::weather::Chance;

/// Between the last answer and the first probe.
pub(crate) const IDLE: Duration = Duration::from_secs(6);
/// Between probes, at first.
const INTERVAL: Duration = Duration::from_secs(1);
/// What the kernel counts, of probes of idle peers and of closed windows.
const COUNT: u32 = 127;
const WINDOW_PROBES: u32 = 15;
/// The least retransmission timeout.
const RTO_MIN: Duration = Duration::from_millis(200);
/// Data that goes out and the tail-loss probe after it, before the first timeout is counted.
const BEFORE_TIMEOUTS: u32 = 2;
/// Segments that have filled a window before it closed.
const FILLS_A_WINDOW: u32 = 20;
/// So long a path is not known well.
const YOUNG: Duration = Duration::from_secs(900);

/// What its program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Nothing: keepalive asks.
    Nothing,
    /// It writes all the time: retransmissions ask.
    Writing,
    /// It has written more than the peer reads: window probes ask, and are answered.
    Blocked,
}

/// What becomes of a question that goes out now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    /// Whether the peer is there, and a way to it.
    pub(crate) open: bool,
    /// The share of packets that is lost each way.
    pub(crate) loss: f64,
    /// How long an answer takes.
    pub(crate) late: Duration,
}

impl Path {
    /// The share of questions that fail.
    fn fails(&self) -> f64 {
        1.0 - (1.0 - self.loss).powi(2)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) doing: Doing,
    pub(crate) path: Path,
    /// When the next question goes out.
    next: Duration,
    /// Unanswered so far.
    open: u32,
    heard: Duration,
    /// Sent without data, and with it.
    probes: u32,
    data: u32,
    answers: u32,
    resent: u32,
    /// Of those, the ones that the peer says it had already.
    came_twice: u32,
    /// An answer that is on its way.
    coming: Option<Duration>,
    /// Questions that have reached the peer since it was heard, and those whose answers are coming.
    reached: u32,
    answered: u32,
    /// All went well until the next question, which fails.
    fails_next: bool,
    begun: Duration,
    /// How long the kernel is to ask in vain, as the guard has set it.
    pub(crate) patience: Patience,
    /// When the first of those that are unanswered went out.
    first: Duration,
    /// The kernel has given it up.
    pub(crate) ended: bool,
}

impl Connection {
    pub(crate) fn new(now: Duration, doing: Doing, path: Path, chance: &mut Chance) -> Self {
        let mut fresh = Self::unused(now, doing, path);
        if doing == Doing::Blocked {
            for _ in 0..FILLS_A_WINDOW {
                let failed = chance.failures(path.fails());
                fresh.data += failed + 1;
                fresh.resent += failed;
                fresh.answers += 1;
            }
        }
        fresh
    }

    fn unused(now: Duration, doing: Doing, path: Path) -> Self {
        Self {
            doing,
            path,
            next: now + calm(doing),
            open: 0,
            heard: now,
            probes: 0,
            data: 0,
            answers: 1,
            resent: 0,
            came_twice: 0,
            coming: None,
            reached: 0,
            answered: 0,
            fails_next: false,
            begun: now,
            patience: Patience::default(),
            first: now,
            ended: false,
        }
    }

    /// Lets the time pass in which every question is answered at once, and says when the first is
    /// not, if the path stays as it is.
    pub(crate) fn rest(&mut self, chance: &mut Chance) -> Duration {
        self.fails_next = false;
        if !self.path.open || self.path.late > INTERVAL {
            return self.next;
        }
        let cycle = calm(self.doing) + self.path.late;
        let answered = chance.successes(self.path.fails()).min(1 << 24);
        self.fails_next = answered < 1 << 24;
        self.next + cycle * answered as u32
    }

    /// Lets questions be answered that go out before then.
    pub(crate) fn calm_until(&mut self, until: Duration) {
        let cycle = calm(self.doing) + self.path.late;
        if until <= self.next {
            return;
        }
        let answered = (until - self.next).as_nanos().div_ceil(cycle.as_nanos()) as u32;
        self.count(answered);
        self.answers += answered;
        self.heard = self.next + cycle * (answered - 1) + self.path.late;
        self.next += cycle * answered;
    }

    /// The path has changed: whoever writes finds that out at once.
    pub(crate) fn disturb(&mut self, now: Duration, path: Path) {
        self.path = path;
        if self.doing == Doing::Writing && self.open == 0 {
            self.heard = self
                .heard
                .max(now.saturating_sub(Duration::from_millis(50)));
            self.next = now + RTO_MIN;
        }
    }

    /// Lets the time pass question by question.
    pub(crate) fn step(&mut self, now: Duration, chance: &mut Chance) {
        loop {
            if let Some(at) = self.coming.filter(|at| *at <= self.next && *at <= now) {
                self.hear(at);
                continue;
            }
            if self.next > now || self.ended {
                return;
            }
            self.ask(chance);
        }
    }

    /// Whether little was known of its path at a moment.
    pub(crate) fn is_young(&self, at: Duration) -> bool {
        at < self.begun + YOUNG
    }

    /// Whether all that was asked is answered.
    pub(crate) fn is_calm(&self) -> bool {
        self.open == 0 && self.coming.is_none()
    }

    /// Unanswered questions, as the kernel shows them.
    pub(crate) fn shows(&self) -> u32 {
        match self.doing {
            Doing::Nothing | Doing::Blocked => self.open,
            Doing::Writing => self.open.saturating_sub(BEFORE_TIMEOUTS),
        }
    }

    fn ask(&mut self, chance: &mut Chance) {
        let at = self.next;
        if self.open == 0 {
            self.first = at;
        }
        if self.is_given_up(at) {
            self.ended = true;
            return;
        }
        self.count(1);
        self.resent += u32::from(self.doing == Doing::Writing && self.open > 0);
        let loss = self.path.loss;
        let (reaches, answered) = match std::mem::take(&mut self.fails_next) {
            // It is the answer that is lost, or the question.
            true => (chance.is(loss * (1.0 - loss) / self.path.fails()), false),
            false => (!chance.is(loss), !chance.is(loss)),
        };
        if self.path.open && reaches {
            self.reached += 1;
            if answered {
                self.coming = self.coming.or(Some(at + self.path.late));
                self.answered += 1;
            }
        }
        self.open += 1;
        self.next = at + self.spacing();
    }

    fn count(&mut self, questions: u32) {
        match self.doing {
            Doing::Nothing | Doing::Blocked => self.probes += questions,
            Doing::Writing => self.data += questions,
        }
    }

    fn hear(&mut self, at: Duration) {
        self.heard = at;
        self.answers += self.answered;
        // The last answer tells whether what it answers came twice (RFC 2883).
        self.came_twice += u32::from(self.doing == Doing::Writing && self.reached > 1);
        (self.open, self.reached, self.answered) = (0, 0, 0);
        self.coming = None;
        self.next = at + calm(self.doing);
    }

    fn spacing(&self) -> Duration {
        let (apart, longest) = set(self.patience);
        match self.doing {
            Doing::Nothing => apart,
            Doing::Blocked => longest,
            Doing::Writing => {
                let timeouts = self.shows();
                (RTO_MIN * 2u32.saturating_pow(timeouts)).min(longest)
            }
        }
    }

    /// Probes are counted, and retransmissions timed.
    fn is_given_up(&self, at: Duration) -> bool {
        match self.doing {
            Doing::Nothing => self.open >= COUNT,
            Doing::Blocked => self.open >= WINDOW_PROBES,
            Doing::Writing => at - self.first >= self.patience.lasts(DEADLINE),
        }
    }

    /// What the kernel shows.
    pub(crate) fn info(&self, now: Duration) -> TcpInfo {
        let writes = self.doing == Doing::Writing;
        let open = u8::try_from(self.shows()).unwrap_or(u8::MAX);
        let age = (now.saturating_sub(self.heard)).as_millis() as u32;
        let of = |is: bool| Some(if is { open } else { 0 });
        let mut info = TcpInfo::default();
        info.state = Some(TcpState::Established);
        info.retransmits = of(writes);
        info.probes = of(!writes);
        info.total_retrans = Some(self.resent);
        info.bytes_retrans = Some(u64::from(self.resent) * 100);
        info.bytes_received = Some(1);
        info.bytes_acked = Some(if writes { u64::from(self.answers) } else { 1 });
        info.segs_in = Some(self.answers);
        info.data_segs_in = Some(0);
        info.segs_out = Some(self.probes + self.data + 1);
        info.data_segs_out = Some(self.data);
        info.dsack_dups = Some(self.came_twice);
        info.last_data_recv_ms = Some(u32::MAX);
        info.last_ack_recv_ms = Some(age);
        info.snd_wnd = Some(if self.doing == Doing::Blocked {
            0
        } else {
            65_535
        });
        info.notsent_bytes = Some(if self.doing == Doing::Blocked {
            9_000
        } else {
            0
        });
        info
    }
}

/// Between an answer and the next question: of a window that has been closed for a while the kernel
/// asks as seldom as it may.
fn calm(doing: Doing) -> Duration {
    match doing {
        Doing::Nothing | Doing::Writing => IDLE,
        Doing::Blocked => set(Patience::default()).1,
    }
}

/// What the guard has set: the time between probes, and the longest retransmission timeout.
fn set(patience: Patience) -> (Duration, Duration) {
    static ASKING: OnceLock<Asking> = OnceLock::new();
    let asking = ASKING.get_or_init(|| Asking::within(DEADLINE, &Kernel::modern(None)));
    let options = asking.options(patience);
    let apart = options.keepintvl_s.map(|s| Duration::from_secs(s.into()));
    let longest = options
        .rto_max_ms
        .map(|ms| Duration::from_millis(ms.into()));
    (apart.unwrap_or(INTERVAL), longest.unwrap_or(Duration::MAX))
}
