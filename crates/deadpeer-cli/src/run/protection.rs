//! How the program's connections are protected: by the kernel, or by looking at them.

use std::io;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use deadpeer_host::Work as _;
use deadpeer_host::protect::Aim;
use deadpeer_host::protect::new_connections::rule;
use deadpeer_host::run::{Inherited, PollingProtector, ProtectedCgroup};
use deadpeer_report::duration;

use super::Request;
use crate::drive::drive;

/// What protects the program.
pub(super) struct Protection {
    aim: Aim,
    wants_bpf: bool,
    way: Way,
}

enum Way {
    /// The kernel does it.
    ProtectedCgroup(Box<ProtectedCgroup>),
    /// We do it, since the program was started; the first is why.
    Follow(String, Option<Box<PollingProtector>>),
}

impl Protection {
    /// The best that can be had.
    pub(super) fn new(aim: Aim, request: &Request, inherited: &Inherited) -> Self {
        let rule = rule(&aim, request.keep_app_settings);
        let make = || ProtectedCgroup::make(&aim, &rule, inherited);
        let way = match request.bpf.then(make) {
            Some(Ok(cgroup)) => Way::ProtectedCgroup(Box::new(cgroup)),
            Some(Err(why)) => Way::Follow(why.to_string(), None),
            None => Way::Follow("eBPF is not to be used".into(), None),
        };
        Self {
            aim,
            wants_bpf: request.bpf,
            way,
        }
    }

    /// Starts the program under it.
    pub(super) fn spawn(&mut self, command: &mut Command) -> io::Result<Child> {
        match &mut self.way {
            Way::ProtectedCgroup(cgroup) => cgroup.spawn(command),
            Way::Follow(_, polling) => {
                // What it starts stays below us, even when its parent ends.
                let us = rustix::process::getpid();
                rustix::process::set_child_subreaper(Some(us))?;
                let child = deadpeer_sys::start::spawn(command, None)?;
                *polling = Some(Box::new(PollingProtector::new(
                    self.aim.clone(),
                    child.id(),
                    Instant::now(),
                )));
                Ok(child)
            }
        }
    }

    /// Whether the deadline was to be promised and could not be.
    pub(super) fn falls_short(&self) -> bool {
        match &self.way {
            Way::ProtectedCgroup(cgroup) => !cgroup.not_covered().is_empty(),
            Way::Follow(..) => self.wants_bpf,
        }
    }

    /// How long nothing is to be done; `None`: the kernel does it all.
    pub(super) fn due_in(&self) -> Option<Duration> {
        match &self.way {
            Way::ProtectedCgroup(_) => None,
            Way::Follow(_, polling) => {
                let due = polling.as_ref()?.poll_timeout()?;
                Some(due.saturating_duration_since(Instant::now()))
            }
        }
    }

    /// Does what is due.
    pub(super) fn check(&mut self) {
        if let Way::Follow(_, Some(polling)) = &mut self.way {
            // Without /proc there is nothing to protect, and nothing else to be done about it.
            let _ = polling.handle_timeout(Instant::now());
        }
    }

    /// What holds, in a sentence.
    pub(super) fn words(&self, within: Duration) -> String {
        let within = duration::typed(within);
        match &self.way {
            Way::ProtectedCgroup(cgroup) => {
                let left: Vec<_> = cgroup
                    .not_covered()
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                let but = match left.is_empty() {
                    true => String::new(),
                    false => format!(", but no promise is made for {}", left.join("; ")),
                };
                format!(
                    "every connection notices a vanished peer within {within}, from its first packet{but}: {}",
                    self.aim.plan()
                )
            }
            Way::Follow(why, _) => format!(
                "no promise of {within}: connections are protected as they are found, because {why}. Left open: connections that hang before they are \
                 found, those already in a listener's queue, what the program sets until it is looked at again, and programs that change their user: {}",
                self.aim.plan()
            ),
        }
    }

    /// Ends it, and says what is worth a remark.
    pub(super) fn end(self) -> Option<String> {
        match self.way {
            Way::ProtectedCgroup(cgroup) => {
                let refused = cgroup.refused();
                let mut removal = cgroup.end(Instant::now());
                let Ok(_) = drive(&mut removal, None, |_, _| ());
                if !removal.is_removed() {
                    return Some(
                        "programs that it started are still running; their new connections are no longer protected"
                            .into(),
                    );
                }
                (refused > 0).then(|| {
                    format!("the kernel refused an option on {refused} ends of connections")
                })
            }
            Way::Follow(_, polling) => {
                let refused = polling?.counts().refused;
                (refused > 0).then(|| {
                    format!("{refused} of its sockets could not be reached: not permitted")
                })
            }
        }
    }
}
