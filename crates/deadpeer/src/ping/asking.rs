//! One ping, step by step: when to look, when to ask, when to stop.

use std::time::{Duration, Instant};

use deadpeer_core::{Cause, Effective, TcpInfo};

use super::pingable::Pingable;
use super::reading::{ANSWER_LIMIT, LEAST_SILENCE, Reading, obstacle, silent_for, unanswered};
use super::{Answer, NotNow};
use crate::death::{HalfClose, Known, Limits, judge, never_connected};
use crate::error::SocketError;

/// The kernel tries again after 50 ms where the application holds the socket (net/ipv4/tcp_timer.c,
/// `tcp_keepalive_timer`): so long the settings stay borrowed at most.
const LONGEST_LOAN: Duration = Duration::from_millis(120);

/// A ping in steps, for whoever waits himself: [`ping`](crate::ping()) without its waiting.
///
/// Call [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) has
/// come, until there is an answer. Dropped, it gives back at once what it has borrowed.
///
/// ```no_run
/// use std::time::{Duration, Instant};
///
/// # let socket = std::net::TcpStream::connect("localhost:8888")?;
/// let mut ping = deadpeer::Ping::begin(&socket, Instant::now(), Duration::from_secs(1))?;
/// let answer = loop {
///     if let Some(answer) = ping.handle_timeout(Instant::now())? {
///         break answer;
///     }
///     std::thread::sleep(ping.poll_timeout().saturating_duration_since(Instant::now()));
/// };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ping<S: Pingable> {
    socket: S,
    begun: Instant,
    timeout: Duration,
    first: Reading,
    last: Reading,
    /// No probe had gone out by then.
    last_silent: Instant,
    /// A probe has gone out.
    asked: bool,
    even_the_last: bool,
    stage: Stage,
    next_check: Instant,
}

#[derive(Debug)]
enum Stage {
    /// Waiting for the time to ask.
    Until(Instant),
    /// The kernel is asking by itself; if it has not by then, its timer was armed under other
    /// settings.
    Kernel(Option<Instant>),
    /// The settings are borrowed, and were so at the first look since.
    Borrowed {
        before: Effective,
        since: Option<Instant>,
    },
    /// The settings are given back.
    Free,
    /// Nothing can be asked.
    Never(NotNow),
}

impl<S: Pingable> Ping<S> {
    /// Takes a first look. Nothing is sent yet.
    ///
    /// # Errors
    /// See [`SocketError`].
    pub fn begin(mut socket: S, now: Instant, timeout: Duration) -> Result<Self, SocketError> {
        let info = socket.tcp_info()?;
        let stage = first_stage(&mut socket, &info, now, timeout)?;
        Ok(Self {
            socket,
            begun: now,
            timeout,
            first: Reading::of(&info),
            last: Reading::of(&info),
            last_silent: now,
            asked: false,
            even_the_last: false,
            stage,
            next_check: now,
        })
    }

    /// Sends the probe also where it is the last of the application's `TCP_KEEPCNT`, if `allowed`:
    /// for those who take silence for the end in any case. Unanswered, the kernel gives the
    /// connection up at the next firing of the application's keepalive, unless the peer is heard
    /// before. A probe that would end it at once, or against a user timeout, is never sent.
    #[must_use]
    pub fn even_the_last(mut self, allowed: bool) -> Self {
        self.even_the_last = allowed;
        self
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next. While a probe is out
    /// that is every 0.3 to 4 ms, a fraction of what has been waited: no descriptor tells of the
    /// answer.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.next_check
    }

    /// Looks, and asks if it is time. Returns the answer if there is one, and then nothing is
    /// borrowed any more.
    ///
    /// # Errors
    /// See [`SocketError`].
    pub fn handle_timeout(&mut self, now: Instant) -> Result<Option<Answer>, SocketError> {
        let info = self.socket.tcp_info()?;
        if let Stage::Never(why) = self.stage {
            return Ok(Some(self.death(&info)?.unwrap_or(Answer::NotNow(why))));
        }
        self.note_question(Reading::of(&info), now);
        if let Some(answer) = self.answer(&info, now)? {
            self.give_back_then(Stage::Free);
            return Ok(Some(answer));
        }
        match &mut self.stage {
            Stage::Until(then) | Stage::Kernel(Some(then)) if now >= *then => {
                self.borrow(&info, now)?;
            }
            Stage::Borrowed { .. } if self.asked => self.give_back_then(Stage::Free),
            Stage::Borrowed {
                since: Some(since), ..
            } if now - *since >= LONGEST_LOAN => {
                self.give_back_then(Stage::Never(NotNow::Busy));
            }
            // Setting them may have taken a while.
            Stage::Borrowed { since, .. } => *since = since.or(Some(now)),
            Stage::Until(_) | Stage::Kernel(_) | Stage::Free | Stage::Never(_) => {}
        }
        self.next_check = now + self.pause(now);
        Ok(None)
    }

    /// Looks a last time and asks nothing, for who waits no longer. Gives back what is borrowed.
    ///
    /// # Errors
    /// See [`SocketError`].
    pub fn last_check(mut self, now: Instant) -> Result<Option<Answer>, SocketError> {
        let info = self.socket.tcp_info()?;
        self.note_question(Reading::of(&info), now);
        self.answer(&info, now)
    }

    fn give_back_then(&mut self, next: Stage) {
        if let Stage::Borrowed { before, .. } = std::mem::replace(&mut self.stage, next) {
            self.socket.give_back(&before);
        }
    }

    /// Whether a probe has gone out since the last look.
    fn note_question(&mut self, reading: Reading, now: Instant) {
        self.asked |= self.last.probe_until(&reading);
        self.last = reading;
        if !self.asked {
            self.last_silent = now;
        }
    }

    fn answer(&mut self, info: &TcpInfo, now: Instant) -> Result<Option<Answer>, SocketError> {
        if let Some(dead) = self.death(info)? {
            return Ok(Some(dead));
        }
        let elapsed = now - self.begun;
        if self.first.heard_until(&self.last, info, elapsed) {
            let rtt = now - self.last_silent;
            let ago = silent_for(info).min(elapsed);
            let answers = self.asked && !self.first.data_until(&self.last);
            return Ok(Some(match answers {
                true => Answer::Answered { rtt },
                false => Answer::NotNow(NotNow::Heard { ago }),
            }));
        }
        if let Some(why) = obstacle(info) {
            return Ok(Some(Answer::NotNow(why)));
        }
        if now < self.end() {
            return Ok(None);
        }
        if self.asked {
            let waited = now - self.last_silent;
            return Ok(Some(Answer::Unanswered { waited }));
        }
        let unanswered = unanswered(info);
        Ok(Some(Answer::NotNow(match self.stage {
            // Its probe has not come, and ours might have been the last.
            Stage::Kernel(_) if unanswered == 0 => NotNow::LastProbe { unanswered },
            Stage::Kernel(_) => NotNow::KernelAsks { unanswered },
            // Whoever looks late has not asked yet.
            Stage::Until(_) => return Ok(None),
            Stage::Borrowed { .. } | Stage::Free | Stage::Never(_) => NotNow::Busy,
        })))
    }

    fn death(&mut self, info: &TcpInfo) -> Result<Option<Answer>, SocketError> {
        if info.state != Some(deadpeer_core::TcpState::Close) || never_connected(info) {
            return Ok(None);
        }
        let signs = self.socket.signs()?;
        let settings = Settings::of(&mut self.socket);
        // Gone, it may have none any more.
        let limits = || Ok(settings.map(|it| it.limits()).unwrap_or_default());
        let death = judge(signs, info, limits, Known::Connected, HalfClose::Lives);
        Ok(
            death.map(|death| match self.asked && !is_given_up(death.cause()) {
                true => Answer::Ended(death),
                false => Answer::Dead(death),
            }),
        )
    }

    /// When an answer is waited for no longer: each question has the whole time.
    fn end(&self) -> Instant {
        let since = match self.stage {
            Stage::Until(then) => then,
            _ if self.asked => self.last_silent,
            Stage::Borrowed { since, .. } => since.unwrap_or(self.last_silent),
            Stage::Kernel(_) | Stage::Free | Stage::Never(_) => self.begun,
        };
        since + self.timeout
    }

    /// Asks, unless that could end the connection.
    fn borrow(&mut self, info: &TcpInfo, now: Instant) -> Result<(), SocketError> {
        let settings = Settings::of(&mut self.socket)?;
        if settings.would_end(info, self.even_the_last) {
            let unanswered = unanswered(info);
            self.stage = match self.stage {
                Stage::Kernel(_) => Stage::Kernel(None),
                Stage::Until(_) | Stage::Borrowed { .. } | Stage::Free | Stage::Never(_) => {
                    Stage::Never(NotNow::LastProbe { unanswered })
                }
            };
            return Ok(());
        }
        let Settings(before) = settings;
        self.socket.lend(&before)?;
        self.stage = Stage::Borrowed {
            before,
            since: None,
        };
        self.last_silent = now;
        Ok(())
    }

    /// Often while an answer may come any moment, seldom later: always a fraction of what has been
    /// waited.
    fn pause(&self, now: Instant) -> Duration {
        if matches!(self.stage, Stage::Never(_)) {
            return Duration::ZERO;
        }
        let waited = now - self.last_silent;
        let pause = (waited / 32).clamp(Duration::from_micros(300), Duration::from_millis(4));
        let left = self.end().saturating_duration_since(now);
        pause.min(left)
    }
}

impl<S: Pingable> Drop for Ping<S> {
    fn drop(&mut self) {
        self.give_back_then(Stage::Free);
    }
}

fn first_stage(
    socket: &mut impl Pingable,
    info: &TcpInfo,
    now: Instant,
    timeout: Duration,
) -> Result<Stage, SocketError> {
    if let Some(why) = obstacle(info) {
        return Ok(Stage::Never(why));
    }
    let silence = silent_for(info);
    if silence < LEAST_SILENCE {
        return Ok(Stage::Never(NotNow::Heard { ago: silence }));
    }
    let unanswered = unanswered(info);
    if Settings::of(socket)?.kernel_asks(silence) {
        let armed_otherwise = now + timeout / 2;
        return Ok(Stage::Kernel((unanswered == 0).then_some(armed_otherwise)));
    }
    if unanswered == 0 {
        return Ok(Stage::Until(now));
    }
    if timeout <= ANSWER_LIMIT {
        return Ok(Stage::Never(NotNow::JustAsked { unanswered }));
    }
    Ok(Stage::Until(now + ANSWER_LIMIT))
}

/// The options of the application that a probe of ours counts against.
struct Settings(Effective);

impl Settings {
    fn of(socket: &mut impl Pingable) -> Result<Self, SocketError> {
        socket.options().map(Self)
    }

    fn limits(&self) -> Limits {
        Limits::new(self.0.keepcnt, self.0.user_timeout_ms)
    }

    fn idle(&self) -> Duration {
        Duration::from_secs(self.0.keepidle_s.into())
    }

    /// Keepalive is on and has come to its turn.
    fn kernel_asks(&self, silence: Duration) -> bool {
        self.0.keepalive && silence >= self.idle()
    }

    /// Whether the kernel could take one more unanswered probe for the last (net/ipv4/tcp_timer.c,
    /// `tcp_keepalive_timer`): now, or at the next firing of the application's own keepalive, where
    /// that one matters. Where it is overdue, giving back makes it fire at once.
    fn would_end(&self, info: &TcpInfo, even_the_last: bool) -> bool {
        let open = unanswered(info);
        let now = silent_for(info).saturating_add(LONGEST_LOAN);
        let overdue = self.kernel_asks(now);
        let keepalive = self.0.keepalive;
        if let Some(timeout) = self.limits().user_timeout {
            let fires_again = open > 0 || overdue;
            return (fires_again && now >= timeout) || (keepalive && self.idle() >= timeout);
        }
        let own = u32::from(keepalive && !even_the_last) + u32::from(overdue);
        open + own >= self.0.keepcnt
    }
}

/// Whether our own kernel ended it. Where its program has taken the error already, nothing says so,
/// nor that there was an RST; that comes sooner after a question than what ends one in silence.
fn is_given_up(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::TimedOut
            | Cause::HostUnreachable
            | Cause::NetworkUnreachable
            | Cause::Prohibited
            | Cause::Destroyed
    )
}
