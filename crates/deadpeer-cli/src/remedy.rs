//! What to write for a program whose connections miss a deadline, in a few lines: for verbs that
//! have found such connections.

mod version;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use deadpeer_core::{Kernel, Notice, Silence};
use deadpeer_host::audit::Bound;
use deadpeer_recipes::read::{Own, Reading};
use deadpeer_recipes::{Advice, Fit, Knob, Recipe, SideAdvice, SideKind, advise};
use deadpeer_report::duration::argument;
use deadpeer_report::record;
use deadpeer_report::sanitize::sanitize;

use crate::configuration::{self, Running};
use crate::plan::read::own_record;

/// Looks remedies up; what was found of a program is kept.
pub(crate) struct Remedies {
    within: Duration,
    kernel: Kernel,
    /// By recipe and network namespace.
    known: BTreeMap<(&'static str, Option<u64>), Program>,
}

/// What is known of a program's configuration.
enum Program {
    Read {
        running: Running,
        reading: Box<Reading>,
    },
    /// Why not, as a sentence without a full stop.
    Unread(String),
}

/// What to write for the connections of one service.
pub(crate) struct Remedy<'r> {
    advice: Advice,
    sides: Vec<SideAdvice>,
    program: &'r Program,
    port: u16,
    in_force: bool,
}

impl Remedies {
    pub(crate) fn new(within: Duration, kernel: Kernel) -> Self {
        Self {
            within,
            kernel,
            known: BTreeMap::new(),
        }
    }

    /// That of a program which does not run any more, such as the server of a test.
    pub(crate) fn of_command(
        &mut self,
        command: &std::ffi::OsStr,
        port: u16,
    ) -> Option<Remedy<'_>> {
        let name = std::path::Path::new(command).file_name()?.to_str()?;
        let recipe = deadpeer_recipes::of_process(name)?;
        let unread = || Program::Unread("its configuration was not read".into());
        self.known
            .entry((&recipe.name, None))
            .or_insert_with(unread);
        self.of(name.as_bytes(), SideKind::Accepted, port, None)
    }

    /// That of the processes with a name in a network namespace, for their connections of one
    /// kind; `None`: there is no recipe.
    pub(crate) fn of(
        &mut self,
        process: &[u8],
        kind: SideKind,
        port: u16,
        netns: Option<u64>,
    ) -> Option<Remedy<'_>> {
        let recipe = deadpeer_recipes::of_process(std::str::from_utf8(process).ok()?)?;
        let advice = advise(recipe, self.within, &self.kernel);
        // What such a program leaves open data in flight takes from outside: a late write waits for
        // keepalive first, and has the rest of the deadline then.
        let sooner = advise(recipe, self.within * 2 / 5, &self.kernel);
        let sides = advice.sides.iter().zip(sooner.sides);
        let sides = sides.filter(|(side, _)| side.side.side == kind);
        let sides = sides.map(|(side, sooner)| match leaves_room(&sooner) {
            true => sooner,
            false => side.clone(),
        });
        let sides: Vec<_> = sides.collect();
        let (within, kernel) = (self.within, self.kernel);
        let program = self
            .known
            .entry((&recipe.name, netns))
            .or_insert_with(|| Program::of(recipe, within, &kernel, netns));
        Some(Remedy {
            advice,
            sides,
            program,
            port,
            in_force: false,
        })
    }
}

/// Whether a shorter idle time is as safe where no user timeout can be set.
fn leaves_room(sooner: &SideAdvice) -> bool {
    sooner.side.sets.user_timeout == Knob::Untouched
        && sooner.fit.keeps(Silence::Idle)
        && sooner.fit.forecast.lost_probes_survived >= Some(2)
}

impl Program {
    fn of(recipe: &'static Recipe, within: Duration, kernel: &Kernel, netns: Option<u64>) -> Self {
        let mut running = configuration::programs(recipe);
        running.retain(|one| netns.is_none() || one.netns.is_none() || one.netns == netns);
        let running = match (running.pop(), running.len()) {
            (None, _) => return Self::Unread("its processes can't be looked into".into()),
            (Some(running), 0) => running,
            (Some(_), more) => {
                let more = more + 1;
                return Self::Unread(format!(
                    "{more} of them run, each with its own configuration"
                ));
            }
        };
        match configuration::of_process(recipe, &running, within, kernel) {
            Ok(reading) => Self::Read {
                running,
                reading: Box::new(reading),
            },
            Err(why) => Self::Unread(why),
        }
    }
}

impl Remedy<'_> {
    /// The same for connections that have these bounds, in the order of [`Silence::JUDGED`]: the
    /// options that are to be written may be in force already, and not be enough. Of what a program
    /// asks by itself bounds tell nothing.
    pub(crate) fn beside(mut self, bounds: [Bound; 3]) -> Self {
        let within = self.advice.within;
        let judged = Silence::JUDGED.into_iter().zip(bounds);
        let in_time = |silence| self.latest(silence).filter(|at| *at <= within);
        let kept: Vec<(Bound, Duration)> = judged
            .filter_map(|(silence, bound)| Some((bound, in_time(silence)?)))
            .collect();
        let asks_itself = self.advice.own.iter().any(|own| !own.lines.is_empty());
        let has = |(now, then): &(Bound, Duration)| matches!(now, Bound::By(at) if at <= then);
        self.in_force = !asks_itself && !kept.is_empty() && kept.iter().all(has);
        self
    }

    /// When the lines have a vanished peer noticed, at the latest; `None`: never, or none are to be
    /// written.
    fn latest(&self, silence: Silence) -> Option<Duration> {
        let fits = self.sides.iter().map(|side| &side.fit.forecast);
        let worst = fits.map(|forecast| forecast.outlook(silence).worst);
        worst.reduce(Notice::later_of)?.latest()
    }

    fn recipe(&self) -> &'static Recipe {
        self.advice.recipe
    }

    fn reading(&self) -> Option<&Reading> {
        match self.program {
            Program::Read { reading, .. } => Some(reading),
            Program::Unread(_) => None,
        }
    }

    /// Whether the kernel would give up live connections with what is to be written once a single
    /// probe is lost.
    fn is_fragile(&self) -> bool {
        let mut fits = self.sides.iter().map(|side| &side.fit);
        fits.any(|fit| fit.forecast.lost_probes_survived == Some(0))
    }

    /// The lines to write: of the sockets' options, or of what the program asks itself.
    fn lines(&self) -> Vec<String> {
        let within = self.advice.within;
        let idle = |fit: &Fit| fit.forecast.idle.worst.meets(within);
        let better = |side: &&SideAdvice| idle(&side.fit);
        let sides = self.sides.iter().filter(better);
        let mut lines: Vec<String> = sides.flat_map(|side| side.lines_on(self.port)).collect();
        let own = self.advice.own.iter().flat_map(|own| own.lines.clone());
        lines.extend(own);
        lines
    }

    /// The silences that these lines keep, and those that they don't.
    fn kept(&self) -> (Vec<Silence>, Vec<Silence>) {
        let fits = || self.sides.iter().map(|side| &side.fit);
        let within = self.advice.within;
        let own = |silence| self.advice.own.iter().any(|own| own.keeps(silence, within));
        let kept = |silence: &Silence| {
            let by_options = |fit: &Fit| fit.forecast.outlook(*silence).worst.meets(within);
            fits().all(by_options) || own(*silence)
        };
        Silence::JUDGED.into_iter().partition(kept)
    }

    /// Commands that change the running program at once.
    fn live(&self) -> Vec<String> {
        let Some(side) = self.sides.first() else {
            return Vec::new();
        };
        let live = self.recipe().live.iter();
        live.map(|command| side.fill(command, self.port)).collect()
    }

    /// Where all of it is said: the patch, and what it keeps.
    fn whole(&self) -> String {
        let (name, within) = (&self.recipe().name, argument(self.advice.within));
        match self.program {
            Program::Read { running, reading } if !reading.diffs.is_empty() => {
                format!(
                    "deadpeer plan --for {name} --within {within} --read --pid {}",
                    running.pid
                )
            }
            Program::Read { .. } | Program::Unread(_) => {
                format!("deadpeer plan --for {name} --within {within}")
            }
        }
    }

    /// The timeouts of its own that end something.
    fn own(&self) -> Vec<&Own> {
        let own = self.reading().map(|reading| reading.own.iter());
        own.into_iter().flatten().collect()
    }

    /// Whether it was not read, and reads none unless it was started with one.
    fn may_have_no_file(&self) -> bool {
        let read = self.recipe().read.as_ref();
        self.reading().is_none() && read.is_some_and(|how| how.needs_file)
    }

    fn file(&self) -> Option<String> {
        let read = self.reading().and_then(|reading| reading.files.first());
        let read = read.filter(|file| *file != "command line");
        let file = read.cloned().or_else(|| self.recipe().file.clone());
        file.map(|file| sanitize(&file).into_owned())
    }

    /// What it takes, where the version that runs is too old or not known.
    fn since(&self) -> Option<String> {
        let since = self
            .sides
            .iter()
            .find_map(|side| side.side.since.as_deref())?;
        let running = match self.program {
            Program::Read { running, .. } => version::of(running.pid, self.recipe()),
            Program::Unread(_) => None,
        };
        match running {
            Some(version) if version::at_least(&version, since) => None,
            Some(version) => Some(format!(
                "these lines need version {since}, and {version} is running"
            )),
            None => Some(format!("these lines need version {since} or later")),
        }
    }

    /// As a record.
    pub(crate) fn record(&self) -> record::ServiceRemedy {
        let names = |silences: Vec<Silence>| {
            let names = silences.into_iter().map(|silence| silence.name().into());
            names.collect()
        };
        let (kept, missed) = self.kept();
        record::ServiceRemedy {
            program: self.recipe().name.clone(),
            file: self.file(),
            lines: self.lines(),
            in_force: self.in_force,
            live: self.live(),
            apply: self.recipe().apply.clone(),
            keeps: names(kept),
            misses: names(missed),
            since: self.since(),
            own: self.own().into_iter().map(own_record).collect(),
            own_unknown: match self.program {
                Program::Unread(why) => Some(why.clone()),
                Program::Read { .. } => None,
            },
            command: self.whole(),
        }
    }

    /// The timeout of the program's own that keeps the deadline whatever its client does, as far
    /// as its configuration tells.
    pub(crate) fn keeps_itself(&self) -> Option<&Own> {
        let within = self.advice.within;
        self.own().into_iter().find(|own| {
            let mut silences = Silence::JUDGED.into_iter();
            silences.all(|silence| own.keeps(silence, within))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::words::ONE_LOST_PROBE;
    use super::*;

    #[test]
    fn what_survives_no_lost_probe_is_said_where_it_is_to_be_written() {
        let says = |within| {
            let mut remedies = Remedies::new(Duration::from_secs(within), Kernel::modern(None));
            let remedy = remedies.of_command("postgres".as_ref(), 5432).unwrap();
            remedy.notes().iter().any(|note| note == ONE_LOST_PROBE)
        };
        assert!(says(8));
        assert!(!says(30));
    }
}
