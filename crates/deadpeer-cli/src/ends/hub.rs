//! The loop around all connections of an end: waits, lets each have its turn, and hands standard
//! input out.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use deadpeer::{News, Watch};
use deadpeer_core::{Forecast, Kernel, Snapshot, Verdict};
use deadpeer_sys::signals::Interruption;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::ending::{By, Ending, Sign};
use super::input::{Input, Taken};
use super::line::{Line, Room};
use super::method::Eyes;
use super::report::Report;
use super::request::Conduct;
use super::socket::timespec;
use crate::exit::{Exit, Stop};

/// How often connections are looked at while nothing comes.
const TICK: Duration = Duration::from_millis(100);

/// All connections of an end.
pub(super) struct Hub<'a, 'o, W: Write> {
    conduct: &'a Conduct,
    kernel: Kernel,
    interruption: Interruption,
    report: Report<'o, W>,
    input: Input,
    lines: BTreeMap<u64, Line>,
    next: u64,
    watch: Option<Watch>,
    /// When all connections are looked at again.
    check_at: Instant,
    lost: bool,
}

/// What poll(2) brought.
#[derive(Default)]
struct Ready {
    interrupted: bool,
    input: bool,
    client: bool,
    lines: Vec<(u64, PollFlags)>,
}

impl<'a, 'o, W: Write> Hub<'a, 'o, W> {
    pub(super) fn new(
        conduct: &'a Conduct,
        interruption: Interruption,
        report: Report<'o, W>,
    ) -> Result<Self, Stop> {
        let watch = match conduct.method.eyes {
            Eyes::Supervised(supervision) => {
                Some(Watch::supervised(supervision).map_err(Stop::because)?)
            }
            Eyes::KernelOnly | Eyes::Classic(_) => None,
        };
        Ok(Self {
            conduct,
            kernel: deadpeer_sys::running_kernel()?,
            interruption,
            report,
            input: Input::new(),
            lines: BTreeMap::new(),
            next: 0,
            watch,
            check_at: Instant::now(),
            lost: false,
        })
    }

    /// Takes a connection in.
    pub(super) fn add(&mut self, stream: TcpStream) -> Result<(), Stop> {
        let failed = |error: io::Error| Stop::because(format!("cannot use a connection: {error}"));
        let line = Line::new(stream, self.conduct);
        let line = match line {
            Ok(line) => line,
            // It was over before it was looked at.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        if let Some(watch) = &mut self.watch {
            watch.add(&line, self.next).map_err(Stop::because)?;
        }
        let settings = deadpeer::options(&line).map_err(Stop::because)?;
        let info = deadpeer::inspect(&line).map_err(Stop::because)?;
        let forecast = Forecast::of(&settings, &Snapshot::from_info(&info), &self.kernel);
        self.report
            .connected(line.standing(), &self.conduct.method, &settings, &forecast)?;
        self.lines.insert(self.next, line);
        self.next += 1;
        Ok(())
    }

    /// Serves clients until it is interrupted, or, with `once`, until the first is gone.
    pub(super) fn serve(mut self, listener: &TcpListener, once: bool) -> Result<Exit, Stop> {
        loop {
            let accepts = !(once && self.next > 0);
            let ready = self.wait(accepts.then_some(listener))?;
            if ready.interrupted {
                return self.interrupted();
            }
            if ready.client {
                match listener.accept() {
                    Ok((stream, _)) => self.add(stream)?,
                    // It has gone again, or there is no room for it yet.
                    Err(error) if is_passing(&error) => {}
                    Err(error) => return Err(Stop::because(format!("cannot accept: {error}"))),
                }
            }
            self.turn(&ready)?;
            if once && self.next > 0 && self.lines.is_empty() {
                return Ok(self.exit());
            }
        }
    }

    /// Goes on until the connection is over or this is interrupted.
    pub(super) fn talk(mut self) -> Result<Exit, Stop> {
        while !self.lines.is_empty() {
            let ready = self.wait(None)?;
            if ready.interrupted {
                return self.interrupted();
            }
            self.turn(&ready)?;
        }
        Ok(self.exit())
    }

    /// Waits for something to happen, or until it is time to look.
    fn wait(&self, listener: Option<&TcpListener>) -> Result<Ready, Stop> {
        let takes_input = !self.lines.is_empty()
            && !self.input.has_ended()
            && self.lines.values().all(Line::has_room);
        let mut fds = vec![PollFd::new(&self.interruption, PollFlags::IN)];
        fds.extend(takes_input.then(|| PollFd::new(&self.input, PollFlags::IN)));
        fds.extend(listener.map(|listener| PollFd::new(listener, PollFlags::IN)));
        let lines_at = fds.len();
        let interest = |line| PollFd::new(line, Line::interest(line, &self.conduct.method));
        fds.extend(self.lines.values().map(interest));
        fds.extend(
            self.watch
                .as_ref()
                .map(|watch| PollFd::new(watch, PollFlags::IN)),
        );
        let tick = self.check_at.saturating_duration_since(Instant::now());
        let wakes = self.lines.values().filter_map(Line::wake);
        let wait = timespec(wakes.chain([tick]).min().unwrap_or(tick));
        let timeout = (!self.lines.is_empty()).then_some(&wait);
        match poll(&mut fds, timeout) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Ready::default()),
            Err(errno) => return Err(Stop::because(format!("poll: {errno}"))),
        }
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        Ok(Ready {
            interrupted: is_ready(&fds[0]),
            input: takes_input && is_ready(&fds[1]),
            client: listener.is_some() && is_ready(&fds[lines_at - 1]),
            lines: self
                .lines
                .keys()
                .zip(&fds[lines_at..])
                .map(|(key, fd)| (*key, fd.revents()))
                .collect(),
        })
    }

    /// Lets the watch speak, then every connection that is ready, or all of them where it is time
    /// to look, then standard input.
    fn turn(&mut self, ready: &Ready) -> Result<(), Stop> {
        self.hear_watch()?;
        let checks = Instant::now() >= self.check_at;
        if checks {
            self.check_at = Instant::now() + TICK;
        }
        for &(key, bits) in &ready.lines {
            let mut room = Room {
                method: &self.conduct.method,
                report: &mut self.report,
            };
            let Some(line) = self.lines.get_mut(&key) else {
                continue;
            };
            if !checks && bits.is_empty() && line.wake() != Some(Duration::ZERO) {
                continue;
            }
            if let Some(ending) = line.step(bits, &mut room)? {
                self.end(key, &ending)?;
            }
        }
        if ready.input {
            self.hand_out();
        }
        Ok(())
    }

    /// What the watch has to tell.
    fn hear_watch(&mut self) -> Result<(), Stop> {
        let Some(watch) = &mut self.watch else {
            return Ok(());
        };
        let mut events = Vec::new();
        watch
            .wait(&mut events, Some(Duration::ZERO))
            .map_err(Stop::because)?;
        for event in events {
            let mut room = Room {
                method: &self.conduct.method,
                report: &mut self.report,
            };
            let Some(line) = self.lines.get_mut(&event.key) else {
                continue;
            };
            let ending = match event.news {
                News::Died(_) => line.died(&mut room)?,
                News::Judged(Verdict::Unreachable {
                    since, unanswered, ..
                }) => line.judged(By::Supervision, Sign::Verdict, since, unanswered),
                News::Judged(_) | _ => continue,
            };
            self.end(event.key, &ending)?;
        }
        Ok(())
    }

    /// Gives what is typed to every connection.
    fn hand_out(&mut self) {
        match self.input.take() {
            Taken::Some(bytes) => self.lines.values_mut().for_each(|line| line.send(&bytes)),
            Taken::End if self.conduct.shutdown => {
                self.lines.values_mut().for_each(Line::finish_sending);
            }
            Taken::End => {}
        }
    }

    fn interrupted(mut self) -> Result<Exit, Stop> {
        for key in self.lines.keys().copied().collect::<Vec<_>>() {
            let ending = self.lines.get_mut(&key).map(Line::interrupted);
            if let Some(ending) = ending {
                self.end(key, &ending)?;
            }
        }
        Ok(Exit::Interrupted)
    }

    /// Says how a connection ended, and closes it.
    fn end(&mut self, key: u64, ending: &Ending) -> Result<(), Stop> {
        if let Some(line) = self.lines.remove(&key) {
            self.lost |= ending.is_loss();
            self.report
                .ended(line.standing(), &self.conduct.method, ending)?;
        }
        Ok(())
    }

    fn exit(&self) -> Exit {
        match self.lost {
            true => Exit::No,
            false => Exit::Yes,
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
    )
}
