//! `deadpeer run`: start a program whose every connection notices a vanished peer within a
//! deadline.

#![allow(
    clippy::print_stderr,
    reason = "stdout is the program's; what deadpeer has to say goes to stderr"
)]

mod job;
mod protection;
mod signals;

use std::ffi::{OsStr, OsString};
use std::process::{Command, ExitCode};
use std::{fmt, io};

use clap::Args;
use deadpeer_core::Policy;
use deadpeer_host::protect::Aim;
use deadpeer_host::run::Inherited;
use deadpeer_report::sanitize::sanitize;

use crate::exit::Exit;
use crate::flags::{DeadlineArgs, MeansArgs, RespectArgs};
use crate::policy_args::{self, PolicyArgs};
use job::Job;
use protection::Protection;

/// Run a program so that each of its connections notices a vanished peer within a deadline
///
/// The program runs in a cgroup (v2) of its own, and the kernel sets the socket options as each
/// connection begins: from the first packet, during connect() too, and for every program it starts,
/// including static binaries. What the program sets itself, at any time, stays if it notices in
/// time and survives lost probes; otherwise whichever notices sooner is in force. The program
/// inherits deadpeer's descriptors, terminal and process group; deadpeer passes signals on and
/// exits as the program does.
///
/// The same holds for sockets that the program is given (systemd's .socket units, inetd): for what
/// it accepts on them, for what waits there already, and for a connection itself. Out of reach are
/// Multipath TCP listeners that it is given, and what 32-bit programs set on a 64-bit kernel:
/// deadpeer says so, and the exit code is 3.
///
/// Needs CAP_BPF, CAP_NET_ADMIN and permission to create a cgroup (usually root), and Linux 6.1.
/// Otherwise deadpeer looks at the program's sockets every few milliseconds and protects what it
/// finds. This misses connections that hang sooner than that, those that were already in a
/// listener's queue, and programs that change their user; what a program sets later holds until
/// deadpeer looks again. So no deadline is promised then: deadpeer says so and, unless you chose it
/// with --no-bpf, exits with 3 where the program exits with 0.
///
/// If deadpeer is killed, the program goes on; existing connections keep what was set on them, and
/// new ones are not protected.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    deadline: DeadlineArgs,
    #[command(flatten)]
    respect: RespectArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    means: MeansArgs,
    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

const AFTER_HELP: &str = "\
Examples:
  deadpeer run --within 30s -- ./importer --from db.example
  deadpeer run --within 1m --quiet -- java -jar worker.jar

Exit codes:
  the program's own; 128 + N if signal N ended it
  3    the program's own was 0, but no deadline was promised: eBPF was unavailable (without
       --no-bpf), or could not reach everything, such as an inherited socket or a 32-bit program
  125  deadpeer could not protect or watch it, no options keep the deadline, or a usage error
  126  the program could not be executed
  127  there is no such program";

/// Exit codes as env(1), nohup(1) and timeout(1) have them.
pub(crate) const FAILED: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Request {
    policy: Policy,
    keep_app_settings: bool,
    bpf: bool,
    quiet: bool,
    program: OsString,
    arguments: Vec<OsString>,
}

impl RunArgs {
    /// As plain values.
    pub(crate) fn request(&self) -> Request {
        let mut words = self.program.iter().cloned();
        Request {
            policy: self.policy.within(self.deadline.within),
            keep_app_settings: self.respect.keep_app_settings,
            bpf: self.means.bpf(),
            quiet: self.quiet,
            program: words.next().unwrap_or_default(),
            arguments: words.collect(),
        }
    }
}

/// Runs the program to its end.
pub(crate) fn run(request: &Request) -> ExitCode {
    match to_its_end(request) {
        Ok(code) => code.into(),
        Err(RunError { code, sentence }) => {
            remark!("deadpeer: {}", sanitize(&sentence));
            code.into()
        }
    }
}

/// Why the program was not run, or not to its end.
struct RunError {
    code: u8,
    sentence: String,
}

impl RunError {
    fn failed(sentence: impl fmt::Display) -> Self {
        Self {
            code: FAILED,
            sentence: sentence.to_string(),
        }
    }

    fn not_started(program: &OsStr, error: &io::Error) -> Self {
        let code = match error.kind() == io::ErrorKind::NotFound {
            true => NOT_FOUND,
            false => NOT_EXECUTABLE,
        };
        Self {
            code,
            sentence: format!("{}: {error}", program.display()),
        }
    }
}

fn to_its_end(request: &Request) -> Result<u8, RunError> {
    let inherited = Inherited::take().map_err(RunError::failed)?;
    let aim = request.aim()?;
    // Before the program is there: no signal may fall between.
    let signals = signals::open()
        .map_err(|error| RunError::failed(format!("cannot watch for signals: {error}")))?;
    let mut protection = Protection::new(aim, request, &inherited);
    let mut command = Command::new(&request.program);
    command.args(&request.arguments);
    let child = protection
        .spawn(&mut command)
        .map_err(|error| RunError::not_started(&request.program, &error))?;
    inherited.let_go().map_err(RunError::failed)?;
    if !request.quiet {
        remark!(
            "deadpeer: {}",
            sanitize(&protection.words(request.policy.within()))
        );
    }
    let code = Job::new(&child, &signals)
        .run(&mut protection)
        .map_err(|error| RunError::failed(format!("cannot wait for the program: {error}")))?;
    let code = match protection.falls_short() {
        // Whether each of its connections kept it cannot be told.
        true if code == 0 => Exit::Unknown.code(),
        _ => code,
    };
    if let Some(remark) = protection.end().filter(|_| !request.quiet) {
        remark!("deadpeer: {}", sanitize(&remark));
    }
    Ok(code)
}

impl Request {
    fn aim(&self) -> Result<Aim, RunError> {
        let kernel = deadpeer_sys::running_kernel().map_err(RunError::failed)?;
        let aim = Aim::new(&self.policy, &kernel).map_err(|refusal| {
            let ways = policy_args::ways_out(&refusal, false)
                .map_or_else(String::new, |ways| format!(". {ways}"));
            RunError::failed(format!("{refusal}{ways}"))
        })?;
        Ok(aim.keep_app_settings(self.keep_app_settings))
    }
}
