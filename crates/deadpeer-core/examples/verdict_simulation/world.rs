//! An idle connection under supervision, in virtual time: the kernel probes, the path loses, the
//! judge looks.

use std::time::Duration;

use deadpeer_core::{Judge, Kernel, Supervision, TcpInfo, TcpState, Verdict};

/// How a path loses packets, each way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path {
    /// Every packet with this chance.
    Random(f64),
    /// All packets during outages of this length, which begin with this mean spacing.
    Bursts {
        /// Length of an outage.
        outage: Duration,
        /// Mean time from one outage to the next; never less than half of it.
        every: Duration,
    },
    /// None for long, then every packet with this chance for a while.
    Spells {
        /// The chance.
        loss: f64,
        /// How long a spell lasts.
        lasts: Duration,
        /// From the beginning of one spell to the next.
        every: Duration,
    },
}

/// What a simulated time brought.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    /// Times a live peer was called unreachable.
    pub(crate) false_alarms: u32,
    /// Readings of TCP_INFO.
    pub(crate) looks: u64,
    /// Keepalive probes.
    pub(crate) probes: u64,
}

/// The connection, its path and its judge.
pub(crate) struct World {
    dice: fastrand::Rng,
    path: Path,
    now: Duration,
    outage: (Duration, Duration),
    idle: Duration,
    interval: Duration,
    next_probe: Duration,
    /// When the peer probes, if it does.
    next_of_peer: Duration,
    next_check: Duration,
    heard: Duration,
    probes_out: u8,
    segs_out: u32,
    segs_in: u32,
    peer_lives: bool,
    judge: Judge,
    tally: Tally,
}

impl World {
    /// A connection that was just made, and on which we have written once.
    pub(crate) fn new(supervision: Supervision, path: Path, seed: u64) -> Self {
        let options = supervision.options(&Kernel::modern(Some(250)));
        let seconds = |s: Option<u32>| Duration::from_secs(u64::from(s.expect("keepalive is set")));
        let (idle, interval) = (seconds(options.keepidle_s), seconds(options.keepintvl_s));
        let mut world = Self {
            dice: fastrand::Rng::with_seed(seed),
            path,
            now: Duration::ZERO,
            outage: (Duration::ZERO, Duration::ZERO),
            idle,
            interval,
            next_probe: idle,
            next_of_peer: Duration::MAX,
            next_check: Duration::ZERO,
            heard: Duration::ZERO,
            probes_out: 0,
            segs_out: 3,
            segs_in: 2,
            peer_lives: true,
            judge: Judge::new(supervision),
            tally: Tally::default(),
        };
        world.plan_outage();
        world
    }

    /// The peer is supervised as well, and probes us.
    pub(crate) fn probed_by_the_peer(mut self) -> Self {
        self.next_of_peer = self.idle;
        self
    }

    /// Lets time pass with a live peer. After a false alarm the connection goes on.
    pub(crate) fn live_for(&mut self, time: Duration) -> Tally {
        let end = self.now + time;
        let dead = |verdict| matches!(verdict, Verdict::Unreachable { .. });
        while self.now < end {
            let before = self.judge.verdict();
            if self.step().is_some_and(dead) && !dead(before) {
                self.tally.false_alarms += 1;
            }
        }
        self.tally
    }

    /// Lets time pass with a live peer before anybody judges. What happened then, the first look
    /// finds.
    pub(crate) fn live_unjudged_for(&mut self, time: Duration) {
        let begin = self.now + time;
        while self.next_probe < begin {
            self.now = self.next_probe;
            self.probe();
        }
        (self.now, self.next_check) = (begin, begin);
    }

    /// The peer vanishes; returns how long it takes to be called unreachable, and how late the
    /// judge foretold to be.
    pub(crate) fn vanish(&mut self) -> (Duration, Duration) {
        self.peer_lives = false;
        let (vanished, slip) = (self.now, self.slip());
        loop {
            if matches!(self.step(), Some(Verdict::Unreachable { .. })) {
                return (self.now - vanished, slip);
            }
        }
    }

    /// What is asked for is said from a fresh reading, as a `Watch` does.
    fn slip(&self) -> Duration {
        let mut judge = self.judge;
        judge.observe(self.now, &self.info());
        judge.slip(self.idle)
    }

    /// The next probe or look; the verdict of a look.
    fn step(&mut self) -> Option<Verdict> {
        if self.next_of_peer <= self.next_probe.min(self.next_check) {
            self.now = self.next_of_peer;
            self.answer_the_peer();
            return None;
        }
        if self.next_probe <= self.next_check {
            self.now = self.next_probe;
            self.probe();
            return None;
        }
        self.now = self.next_check;
        self.tally.looks += 1;
        let verdict = self.judge.observe(self.now, &self.info());
        self.next_check = self.judge.next_check().expect("the connection is open");
        Some(verdict)
    }

    /// The keepalive timer fires (net/ipv4/tcp_timer.c, `tcp_keepalive_timer`).
    fn probe(&mut self) {
        let silent = self.now - self.heard;
        if silent < self.idle {
            self.next_probe = self.now + (self.idle - silent);
            return;
        }
        self.tally.probes += 1;
        self.segs_out = self.segs_out.wrapping_add(1);
        if self.peer_lives && self.arrives() && self.arrives() {
            self.segs_in = self.segs_in.wrapping_add(1);
            self.heard = self.now;
            self.probes_out = 0;
        } else {
            self.probes_out += 1;
        }
        self.next_probe = self.now + self.interval;
    }

    /// A probe of the peer is no acknowledgement, and is answered (net/ipv4/tcp_input.c,
    /// `tcp_validate_incoming`).
    fn answer_the_peer(&mut self) {
        if !self.peer_lives {
            self.next_of_peer = Duration::MAX;
            return;
        }
        let arrives = self.arrives();
        if arrives {
            self.segs_in = self.segs_in.wrapping_add(1);
            self.segs_out = self.segs_out.wrapping_add(1);
        }
        let is_answered = arrives && self.arrives();
        self.next_of_peer = self.now
            + if is_answered {
                self.idle
            } else {
                self.interval
            };
    }

    fn arrives(&mut self) -> bool {
        match self.path {
            Path::Random(loss) => self.dice.f64() >= loss,
            Path::Spells { loss, lasts, every } => {
                let into = self.now.as_nanos() % every.as_nanos();
                into >= lasts.as_nanos() || self.dice.f64() >= loss
            }
            Path::Bursts { .. } => {
                while self.now >= self.outage.1 {
                    self.plan_outage();
                }
                self.now < self.outage.0
            }
        }
    }

    fn plan_outage(&mut self) {
        if let Path::Bursts { outage, every } = self.path {
            let begin =
                self.outage.1 + every / 2 + every.mul_f64(exponential(&mut self.dice) / 2.0);
            self.outage = (begin, begin + outage);
        }
    }

    fn info(&self) -> TcpInfo {
        let mut info = TcpInfo::default();
        info.state = Some(TcpState::Established);
        info.probes = Some(self.probes_out);
        info.retransmits = Some(0);
        info.bytes_acked = Some(5);
        info.bytes_received = Some(0);
        info.segs_in = Some(self.segs_in);
        info.segs_out = Some(self.segs_out);
        info.data_segs_in = Some(0);
        info.data_segs_out = Some(1);
        info.total_retrans = Some(0);
        let ago = (self.now - self.heard).as_millis();
        info.last_ack_recv_ms = Some(u32::try_from(ago).unwrap_or(u32::MAX));
        info
    }
}

/// A draw from the exponential distribution of mean 1.
fn exponential(dice: &mut fastrand::Rng) -> f64 {
    -(1.0 - dice.f64()).ln()
}
