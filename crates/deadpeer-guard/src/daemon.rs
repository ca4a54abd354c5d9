//! The one loop: it waits for deaths, news of links, questions and signals, sweeps, and looks at
//! suspects in between.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use deadpeer_sys::clock;
use deadpeer_sys::signals::{Inbox, Signal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::{error, info, warn};

use crate::config::{Config, ConfigError, DEFAULT_PATH};
use crate::event::Event;
use crate::guard::{Guard, REST, Tell};
use crate::live::{Alone, Asked, Control, Held, Question, Supervisor};
use crate::tell::tell;
use crate::witness::Witness;

/// The signals that a daemon waits for: to end, to read its configuration again.
pub const SIGNALS: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::HUP];

/// Suspects are looked at so often from one sweep to the next.
const CHECKS: u32 = 5;
/// With many deaths a second, the next come together.
const BREATH: Duration = Duration::from_millis(5);

/// A guard that runs until it is told to end.
#[derive(Debug)]
pub struct Daemon {
    guard: Guard,
    source: Source,
    signals: Inbox,
    control: Control,
    supervisor: Supervisor,
    next_sweep: Instant,
    /// No sweep before.
    rests_until: Instant,
    /// When suspects are looked at again; `None`: there are none.
    next_check: Option<Instant>,
    /// After deaths were read.
    breath: Option<Instant>,
    held: Held,
    /// By the last sweep, of a processor.
    took: Duration,
    _alone: Alone,
}

/// Where the configuration comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// This file.
    File(PathBuf),
    /// The [usual one](DEFAULT_PATH), as far as it is there.
    Usual,
}

impl Source {
    /// Reads it.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(&self) -> Result<Config, ConfigError> {
        match self {
            Self::File(path) => Config::load(path),
            Self::Usual => Config::load_if_there(DEFAULT_PATH.as_ref()),
        }
    }
}

impl Daemon {
    /// Ready to run. `signals` has [`SIGNALS`].
    ///
    /// # Errors
    /// Its socket can't be made.
    pub fn new(mut guard: Guard, source: Source, signals: Inbox, alone: Alone) -> io::Result<Self> {
        let held = Held::in_directory(alone.directory());
        if held.is_on() {
            info!(
                "the guard before was told to hold: nothing is destroyed until `deadpeer guard resume`"
            );
            guard.hold();
        }
        Ok(Self {
            held,
            took: Duration::ZERO,
            control: Control::open(alone.directory())?,
            supervisor: Supervisor::of_environment()?,
            guard,
            source,
            signals,
            next_sweep: Instant::now(),
            rests_until: Instant::now(),
            next_check: None,
            breath: None,
            _alone: alone,
        })
    }

    /// Runs until a signal says to end, and says which. The witness is told what happens, and the
    /// log as well.
    ///
    /// # Errors
    /// Waiting failed.
    pub fn run(mut self, witness: &mut impl Witness) -> io::Result<Signal> {
        self.supervisor.ready(&self.summary());
        info!("{}", self.summary());
        loop {
            self.wait()?;
            while let Some(received) = self.signals.next()? {
                match received.signal {
                    Signal::HUP => {
                        self.reload();
                    }
                    signal => {
                        self.supervisor.stopping();
                        info!("stopping: what was set stays as it is");
                        return Ok(signal);
                    }
                }
            }
            // The next one in the next round: whoever asks keeps nobody from the work.
            if let Some(question) = self.control.next() {
                self.answer(question);
                witness.see(self.guard.readings(), self.next_sweep);
            }
            self.work(witness);
            self.supervisor.alive(Instant::now());
        }
    }

    fn work(&mut self, witness: &mut impl Witness) {
        let heard: Tell<'_> = &mut |event: &Event| {
            tell(event);
            witness.hear(event);
        };
        let now = Instant::now();
        if self.breath.is_none_or(|until| until <= now) {
            let mut came = false;
            self.guard.hear_deaths(&mut |event| {
                came = true;
                heard(event);
            });
            self.breath = came.then(|| now + BREATH);
        }
        if let Err(error) = self.guard.drain_network() {
            error!("changes of links could not be read: {error}");
        }
        if now >= self.next_sweep {
            self.sweep(now, heard);
            witness.see(self.guard.readings(), self.next_sweep);
        } else if self.next_check.is_some_and(|due| due <= now) {
            self.check_suspects(now);
        }
    }

    fn sweep(&mut self, now: Instant, heard: Tell<'_>) {
        if now.saturating_duration_since(self.next_sweep) > self.guard.config().shortest_deadline()
        {
            self.guard.note_stopped();
        }
        let worked = clock::of_process();
        self.guard.keep_rules();
        if let Err(error) = self.guard.sweep(heard) {
            self.guard.note_failed_sweep();
            error!("sweep: {error}");
        }
        // What others, or a program that is asked before a kill, let it wait for is no work.
        let took = clock::of_process().saturating_sub(worked);
        // Nor is what a single sweep took, as the first does that sets options: dead peers would
        // wait for it.
        let lasting = took.min(std::mem::replace(&mut self.took, took));
        self.rests_until = Instant::now().max(now + lasting * REST);
        let interval = self.guard.config().interval();
        self.next_sweep = self.rests_until.max(now + interval);
        self.guard.note_pace(self.next_sweep - now);
        self.plan_check(now, lasting);
    }

    /// Looks at suspects. Who is to be destroyed is for a sweep to decide, which is then due.
    fn check_suspects(&mut self, now: Instant) {
        let worked = clock::of_process();
        match self.guard.check_suspects() {
            Ok(true) => self.next_sweep = self.next_sweep.min(self.rests_until.max(now)),
            Ok(false) => {}
            Err(error) => error!("reading suspects: {error}"),
        }
        let took = clock::of_process().saturating_sub(worked);
        self.plan_check(now, took);
    }

    /// The next look, after one that took so long.
    fn plan_check(&mut self, now: Instant, took: Duration) {
        let interval = self.guard.config().interval() / CHECKS;
        let next = now + interval.max(took * REST);
        self.next_check = self.guard.suspects_anybody().then_some(next);
    }

    fn answer(&mut self, question: Question) {
        match question.asked {
            Asked::Status => {}
            Asked::Hold => {
                self.guard.hold();
                self.keep_hold(true);
            }
            Asked::Resume => {
                self.guard.resume();
                self.keep_hold(false);
            }
            Asked::Reload => {
                if let Some(why) = self.reload() {
                    return question.refuse(&why);
                }
            }
        }
        question.answer(&self.guard.readings().to_record());
    }

    /// Has the next guard hold as well, or not.
    fn keep_hold(&self, on: bool) {
        if let Err(error) = self.held.set(on) {
            warn!("the next guard will not know whether it is to hold: {error}");
        }
    }

    /// Why the configuration before stays, if it does.
    fn reload(&mut self) -> Option<String> {
        self.supervisor.reloading();
        let taken = match self.source.load() {
            Ok(config) => self.guard.reload(config).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match &taken {
            Ok(()) => info!("the configuration was reloaded: {}", self.summary()),
            Err(why) => {
                self.guard.note_wrong_configuration();
                warn!("the old configuration stays: {why}");
            }
        }
        self.next_sweep = Instant::now();
        self.supervisor.ready(&self.summary());
        taken.err()
    }

    fn summary(&self) -> String {
        let policies = &self.guard.config().policies;
        let all: Vec<String> = policies
            .iter()
            .map(|policy| {
                format!(
                    "{} within {} (protect {}, supervise {}, kill {})",
                    policy.name,
                    deadpeer_report::duration::typed(policy.deadline()),
                    policy.protect.name(),
                    policy.supervise.name(),
                    policy.kill.name()
                )
            })
            .collect();
        format!("guards by {}", all.join(", "))
    }

    /// Until something comes, or it is time for something.
    fn wait(&self) -> io::Result<()> {
        let now = Instant::now();
        let breath = self.breath.filter(|until| *until > now);
        let due = [
            self.supervisor.poll_timeout(),
            breath,
            self.next_check,
            self.guard.deaths_due(now),
        ];
        let due = due.into_iter().flatten();
        let until = due.fold(self.next_sweep, Instant::min);
        let mut fds: Vec<BorrowedFd<'_>> = vec![self.signals.as_fd(), self.control.as_fd()];
        fds.extend(self.guard.network_fds());
        if breath.is_none() {
            fds.extend(self.guard.deaths_fds());
        }
        let mut polled: Vec<PollFd<'_>> = fds
            .into_iter()
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        let left = until.saturating_duration_since(Instant::now());
        match poll(&mut polled, Timespec::try_from(left).ok().as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}
