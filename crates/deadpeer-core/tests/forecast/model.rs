//! A connection's timers in the kernel, firing by firing, on an exact wheel with a chosen phase.
//!
//! Where the forecast reasons about all that is possible, this plays one history:
//! net/ipv4/tcp_timer.c (`tcp_keepalive_timer`, `tcp_retransmit_timer`, `tcp_probe_timer`) and
//! kernel/time/timer.c told as a simulation.

use std::time::Duration;

use deadpeer_core::forecast::{Armed, Timer};
use deadpeer_core::{Effective, Snapshot, Sysctls, TcpState};

/// A pending timer: its unrounded expiry and the jiffy it fires on.
#[derive(Debug, Clone, Copy)]
struct Pending {
    expires: u64,
    level: u32,
    fires: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transmit {
    TailLossProbe,
    Timeout,
    WindowProbe,
}

/// What ended the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) jiffy: u64,
    pub(crate) keepalive_probes: u64,
}

/// One connection and its clock.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) hz: u64,
    pub(crate) options: Effective,
    pub(crate) sysctls: Sysctls,
    /// Whether waits are cut to what a user timeout leaves.
    pub(crate) cuts_waits: bool,
    pub(crate) now: u64,
    /// Jiffies: the RTO before doublings and the round trip.
    pub(crate) rto: u64,
    pub(crate) round_trip: u64,
    /// The RTO with the doublings in force.
    doubled: u64,
    heard: u64,
    probes_out: u64,
    keepalive: Option<Pending>,
    transmit: Option<(Transmit, Pending)>,
    in_flight: bool,
    unsent: bool,
    retransmits: u64,
    doublings: u32,
    first_timeout: Option<u64>,
    /// When the clock of the user timeout and of `tcp_retries2` started.
    clock: Option<u64>,
    first_window_probe: Option<u64>,
    /// The last window probe that the peer answered.
    window_answered: Option<u64>,
    /// Runs of timeouts that are over, and the jiffies they took.
    earlier_runs: Option<u64>,
    /// The program has closed its descriptor.
    orphan: bool,
    /// The jiffy of the last segment sent.
    pub(crate) last_sent: u64,
}

impl Model {
    /// Established at `jiffies`, keepalive armed.
    pub(crate) fn established(
        hz: u64,
        jiffies: u64,
        options: Effective,
        sysctls: Sysctls,
        rto: u64,
    ) -> Self {
        let mut model = Self {
            hz,
            options,
            sysctls,
            cuts_waits: true,
            now: jiffies,
            rto,
            round_trip: 0,
            doubled: rto,
            heard: jiffies,
            probes_out: 0,
            keepalive: None,
            transmit: None,
            in_flight: false,
            unsent: false,
            retransmits: 0,
            doublings: 0,
            first_timeout: None,
            clock: None,
            first_window_probe: None,
            window_answered: None,
            earlier_runs: None,
            orphan: false,
            last_sent: jiffies,
        };
        if options.keepalive {
            model.keepalive = Some(model.arm(model.seconds(options.keepidle_s)));
        }
        model
    }

    /// The peer lives until `jiffy`: every probe is answered, and its data arrives at the given
    /// moments.
    pub(crate) fn alive_until(&mut self, jiffy: u64, arrivals: &[u64]) {
        let mut arrivals = arrivals.to_vec();
        arrivals.sort_unstable();
        for arrival in arrivals
            .into_iter()
            .filter(|at| *at <= jiffy)
            .chain([jiffy])
        {
            while let Some(fires) = self
                .keepalive
                .map(|timer| timer.fires)
                .filter(|at| *at <= arrival)
            {
                self.now = fires;
                assert!(!self.keepalive_fires(), "a live peer was called dead");
                self.answered();
            }
            self.now = self.now.max(arrival);
            if arrival != jiffy {
                self.answered();
            }
        }
    }

    fn answered(&mut self) {
        self.heard = self.now;
        self.probes_out = 0;
    }

    /// The application writes, now.
    pub(crate) fn write(&mut self) {
        if self.in_flight {
            return;
        }
        self.in_flight = true;
        self.last_sent = self.now;
        let lone_segment = self.round_trip * 2 + self.millis(200);
        self.transmit = Some((
            Transmit::TailLossProbe,
            self.arm(lone_segment.min(self.doubled).min(self.rto_max())),
        ));
    }

    /// What is in flight is acknowledged, now. Without a valid measurement the RTO stays doubled
    /// (RFC 6298, section 5.7).
    pub(crate) fn acknowledged(&mut self, measured: bool) {
        self.answered();
        self.in_flight = false;
        self.transmit = None;
        if let Some(start) = self.first_timeout.take() {
            self.earlier_runs = Some(self.earlier_runs.unwrap_or(0) + self.now - start);
        }
        self.clock = None;
        self.retransmits = 0;
        if measured {
            self.doublings = 0;
            self.doubled = self.rto;
        }
    }

    /// A part of it is, and the recovery goes on with its clock (net/ipv4/tcp_input.c,
    /// `tcp_fastretrans_alert`).
    pub(crate) fn acknowledged_in_part(&mut self, measured: bool) {
        let clock = self.clock;
        self.acknowledged(measured);
        (self.in_flight, self.clock) = (true, clock);
        let wait = self.doubled.min(self.rto_max());
        self.transmit = Some((Transmit::Timeout, self.arm(wait)));
    }

    /// The program calls close(), now.
    pub(crate) fn close(&mut self) {
        self.orphan = true;
        self.keepalive = None;
    }

    /// The peer's window closes, now, with data waiting.
    pub(crate) fn window_closes(&mut self) {
        self.unsent = true;
        self.answered();
        self.transmit = Some((Transmit::WindowProbe, self.arm(self.window_wait(0))));
    }

    /// The peer is gone from now on; the application writes at jiffy `write`, if it lives so long.
    pub(crate) fn run_to_death(&mut self, write: Option<u64>) -> Option<Death> {
        let mut write = write;
        let mut keepalive_probes = 0;
        for _ in 0..3_000_000 {
            let keepalive = self.keepalive.map(|timer| timer.fires);
            let transmit = self.transmit.map(|(_, timer)| timer.fires);
            let next = [keepalive, transmit, write].into_iter().flatten().min()?;
            self.now = next;
            if write == Some(next) {
                write = None;
                self.write();
            } else if transmit == Some(next) {
                if self.transmit_fires() {
                    return Some(Death {
                        jiffy: next,
                        keepalive_probes,
                    });
                }
            } else {
                let before = self.probes_out;
                if self.keepalive_fires() {
                    return Some(Death {
                        jiffy: next,
                        keepalive_probes,
                    });
                }
                keepalive_probes += self.probes_out - before;
            }
        }
        panic!("no end in sight: {self:?}");
    }

    /// Time passes without a word from the peer, up to `jiffy`.
    pub(crate) fn silent_until(&mut self, jiffy: u64) {
        loop {
            let timers = [self.keepalive, self.transmit.map(|(_, timer)| timer)];
            let next = timers.into_iter().flatten().map(|timer| timer.fires).min();
            let Some(next) = next.filter(|at| *at <= jiffy) else {
                self.now = self.now.max(jiffy);
                return;
            };
            self.now = next;
            let transmit = self.transmit.is_some_and(|(_, timer)| timer.fires == next);
            let dead = if transmit {
                self.transmit_fires()
            } else {
                self.keepalive_fires()
            };
            assert!(!dead, "silent past the end");
        }
    }

    /// What TCP_INFO and sock_diag would show now; `phase` adds the jiffies counter.
    pub(crate) fn snapshot(&self, phase: bool) -> Snapshot {
        let mut snapshot = Snapshot::new(if self.orphan {
            TcpState::FinWait1
        } else {
            TcpState::Established
        });
        snapshot.orphan = self.orphan;
        snapshot.heard_ago = Some(self.time(self.now - self.heard));
        snapshot.probes_out = self.probes_out as u32;
        snapshot.retransmits = self.retransmits as u32;
        snapshot.backoff = self.doublings;
        snapshot.rto = Some(self.time(self.doubled));
        snapshot.srtt = Some(self.time(self.round_trip));
        snapshot.tail_loss_probe = Some(true);
        snapshot.tail_loss_probe_sent = self
            .transmit
            .map(|(kind, _)| kind != Transmit::TailLossProbe)
            .filter(|sent| !sent);
        snapshot.in_flight = self.in_flight;
        snapshot.segments_in_flight = self.in_flight.then_some(1);
        snapshot.initial_slow_start = Some(false);
        snapshot.unsent = self.unsent;
        snapshot.zero_window = Some(self.unsent);
        let since = self.first_timeout.map(|at| self.now - at);
        match self.earlier_runs {
            None => snapshot.first_timeout_ago = since.map(|since| self.time(since)),
            Some(earlier) => {
                snapshot.first_timeout_within = since.map(|since| self.time(since + earlier));
            }
        }
        let armed = |timer, pending: Pending| Armed {
            timer,
            expires_in: self.time(pending.expires.saturating_sub(self.now)),
            level: None,
        };
        snapshot.armed = match (self.transmit, self.keepalive) {
            (Some((Transmit::WindowProbe, pending)), _) => {
                Some(armed(Timer::ZeroWindowProbe, pending))
            }
            (Some((_, pending)), _) => Some(armed(Timer::Retransmit, pending)),
            (None, Some(pending)) => Some(armed(Timer::Keepalive, pending)),
            (None, None) => None,
        };
        let in_run = self.retransmits > 0;
        snapshot.sent_again_before = !in_run && self.clock.is_some();
        snapshot.timed_out_before = in_run && self.earlier_runs.is_some();
        snapshot.jiffies = phase.then_some(self.now);
        snapshot
    }

    /// What eBPF would show now.
    pub(crate) fn bpf_snapshot(&self) -> Snapshot {
        let mut snapshot = self.snapshot(true);
        let ago = |since: Option<u64>| since.map(|at| self.time(self.now - at));
        snapshot.clock_started_ago = ago(self.clock);
        snapshot.window_probed_ago = ago(self.first_window_probe);
        (snapshot.first_timeout_ago, snapshot.first_timeout_within) = (None, None);
        snapshot.tail_loss_probe_sent = self
            .transmit
            .map(|(kind, _)| kind != Transmit::TailLossProbe);
        snapshot.icmp_error = Some(false);
        let running = self.transmit.map(|(_, timer)| timer).or(self.keepalive);
        if let (Some(armed), Some(running)) = (&mut snapshot.armed, running) {
            armed.level = Some(running.level);
        }
        snapshot
    }

    /// True: dead.
    fn keepalive_fires(&mut self) -> bool {
        let idle = self.seconds(self.options.keepidle_s);
        let elapsed = self.now - self.heard;
        let wait = if self.in_flight || self.unsent {
            idle
        } else if elapsed < idle {
            idle - elapsed
        } else {
            let dead = match self.options.user_timeout_ms {
                Some(ms) => elapsed >= self.millis(ms) && self.probes_out > 0,
                None => self.probes_out >= u64::from(self.options.keepcnt),
            };
            if dead {
                return true;
            }
            self.probes_out += 1;
            self.seconds(self.options.keepintvl_s)
        };
        self.keepalive = Some(self.arm(wait));
        false
    }

    /// True: dead.
    fn transmit_fires(&mut self) -> bool {
        match self.transmit.take().map(|(kind, _)| kind) {
            Some(Transmit::TailLossProbe) => {
                self.last_sent = self.now;
                let wait = self.doubled.min(self.rto_max());
                self.transmit = Some((Transmit::Timeout, self.arm(wait)));
                false
            }
            Some(Transmit::Timeout) => self.timeout_fires(),
            Some(Transmit::WindowProbe) => self.window_probe_fires(),
            None => false,
        }
    }

    fn timeout_fires(&mut self) -> bool {
        self.first_timeout.get_or_insert(self.now);
        let start = *self.clock.get_or_insert(self.now);
        let elapsed_ms = (self.now - start) * 1000 / self.hz;
        let limit_ms = match self.options.user_timeout_ms {
            Some(ms) => u64::from(ms),
            None => self.retries_ms(self.doubled),
        };
        if self.retransmits > 0 && elapsed_ms >= limit_ms {
            return true;
        }
        self.last_sent = self.now;
        self.retransmits += 1;
        self.doublings += 1;
        self.doubled = (self.doubled * 2).min(self.rto_max());
        if self.options.thin_linear_timeouts && !self.orphan && self.retransmits <= 6 {
            self.doublings = 0;
            self.doubled = self.rto.min(self.rto_max());
        }
        let wait = match self.options.user_timeout_ms.filter(|_| self.cuts_waits) {
            Some(_) if elapsed_ms >= limit_ms => 1,
            Some(_) => self
                .doubled
                .min(self.millis((limit_ms - elapsed_ms) as u32)),
            None => self.doubled,
        };
        self.transmit = Some((Transmit::Timeout, self.arm(wait)));
        false
    }

    fn window_probe_fires(&mut self) -> bool {
        let start = *self.first_window_probe.get_or_insert(self.now);
        let elapsed = self.now - start;
        let user_timeout = self.options.user_timeout_ms.map(|ms| self.millis(ms));
        let over = user_timeout.is_some_and(|limit| start != self.now && elapsed >= limit);
        let silence = (self.rto << self.doublings).min(self.rto_max());
        let no_probe_more = self.orphan
            && silence >= self.rto_max()
            && self.doublings >= self.sysctls.orphan_retries;
        if over || no_probe_more || self.probes_out >= u64::from(self.retries(silence)) {
            return true;
        }
        self.probes_out += 1;
        self.doublings = (self.doublings + 1).min(self.sysctls.retries2);
        let wait = self.window_wait(self.doublings);
        let wait = user_timeout
            .filter(|_| self.cuts_waits)
            .map_or(wait, |limit| wait.min(limit.saturating_sub(elapsed).max(2)));
        self.transmit = Some((Transmit::WindowProbe, self.arm(wait)));
        false
    }

    /// The next probe reaches a peer that lives, or the kernel gives the connection up instead of
    /// sending it: true. Linux answers no two within half a second (net/ipv4/tcp_input.c,
    /// `tcp_oow_rate_limited`).
    pub(crate) fn window_probe_kills(&mut self) -> bool {
        let (_, timer) = self.transmit.expect("a closed window is probed");
        self.now = timer.fires;
        let dead = self.transmit_fires();
        let since_answer = self.window_answered.map(|at| self.now - at);
        if since_answer.is_none_or(|since| since >= self.hz / 2) {
            self.window_answered = Some(self.now);
            self.answered();
        }
        dead
    }

    /// What the kernel counts against, the RTO being `rto`: `tcp_retries2`, or
    /// `tcp_orphan_retries`.
    fn retries(&self, rto: u64) -> u32 {
        match (self.orphan, self.sysctls.orphan_retries) {
            (false, _) => self.sysctls.retries2,
            (true, 0) if rto < self.rto_max() => 8,
            (true, retries) => retries,
        }
    }

    fn retries_ms(&self, rto: u64) -> u64 {
        let rto_max = u64::from(self.options.rto_max_ms.unwrap_or(120_000));
        let mut wait = 200;
        let mut sum = 0;
        for _ in 0..=self.retries(rto) {
            sum += wait;
            // The kernel's model doubles while a doubling fits under the maximum, then jumps to it.
            wait = if wait * 2 <= rto_max {
                wait * 2
            } else {
                rto_max
            };
        }
        sum
    }

    fn window_wait(&self, doublings: u32) -> u64 {
        (self.rto.max(self.millis(200)) << doublings.min(10)).min(self.rto_max())
    }

    fn rto_max(&self) -> u64 {
        self.millis(self.options.rto_max_ms.unwrap_or(120_000))
    }

    /// kernel/time/timer.c, `calc_wheel_index`.
    fn arm(&self, wait: u64) -> Pending {
        let expires = self.now + wait;
        let level = (0..8).find(|l| wait < 63 << (3 * l)).unwrap_or(8);
        Pending {
            expires,
            level,
            fires: ((expires >> (3 * level)) + 1) << (3 * level),
        }
    }

    pub(crate) fn seconds(&self, s: u32) -> u64 {
        u64::from(s) * self.hz
    }

    fn millis(&self, ms: u32) -> u64 {
        (u64::from(ms) * self.hz).div_ceil(1000)
    }

    pub(crate) fn time(&self, jiffies: u64) -> Duration {
        Duration::from_nanos(jiffies * 1_000_000_000 / self.hz)
    }
}
