//! Acting a situation out, step by step.

use std::collections::HashMap;
use std::time::Instant;

use serde::Serialize;

use deadpeer_lab::fault::Deed;
use deadpeer_sys::testing::skip;

use crate::ALL;
use crate::common::Ran;
use crate::moment::Foretold;
use crate::situation::{Ask, Pattern, Said, Shell, Situation, Step};
use crate::stage::{Stage, until};

/// Where what came of each situation is written, if anywhere: a folder.
const TOLD: &str = "DEADPEER_SITUATIONS";

/// What came of a situation, for the page.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Told {
    /// Its place on the page.
    place: usize,
    title: String,
    symptom: String,
    reports: Vec<String>,
    programs: Vec<String>,
    happens: String,
    asked: Vec<Asked>,
    held: Vec<String>,
}

/// A command, and what of its answer matters.
#[derive(Debug, Serialize)]
struct Asked {
    command: String,
    lines: Vec<String>,
    /// The line of them that tells most: that of the first pattern.
    tells: Option<String>,
    exit: i32,
}

impl Asked {
    fn new(command: &str, wanted: &[Pattern], lines: Vec<String>, exit: i32) -> Self {
        let first = wanted.first();
        let tells = lines
            .iter()
            .find(|line| first.is_some_and(|first| first.fits(line)));
        Self {
            command: command.to_owned(),
            tells: tells.cloned(),
            lines,
            exit,
        }
    }
}

/// Acts out the situation of this name, if its programs are there.
///
/// # Panics
/// If something is not as it has to be.
pub(crate) fn act(name: &str) {
    if !is_root() {
        return skip("situations take root, and other users beside it");
    }
    let situation = named(name);
    let mut play = Play::of(&situation);
    let missing = |program: &&String| {
        play.stage
            .run("ours", &format!("command -v {program}"))
            .code
            != 0
    };
    if let Some(missing) = situation.programs.iter().find(missing) {
        return skip(&format!("{name}: {missing} is not installed"));
    }
    for (number, step) in situation.steps.iter().enumerate() {
        play.log.add(format!("{name}, step {number}: {step:?}"));
        play.perform(step);
    }
    let cuts = |step: &Step| matches!(step, Step::Path(Deed::Cut { .. }));
    if situation.steps.iter().any(cuts) {
        assert!(play.stage.lost() > 0, "nothing was lost on the cut path");
    }
    if let Some(folder) = std::env::var_os(TOLD) {
        let file = std::path::Path::new(&folder).join(format!("{name}.json"));
        std::fs::write(file, serde_json::to_string(&play.told).unwrap()).unwrap();
    }
}

/// Whether this is root where there are others, as there are not in a namespace of one user.
fn is_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let users = map.split_ascii_whitespace().nth(2);
    rustix::process::geteuid().is_root() && users != Some("1")
}

/// The situation, with addresses as every lab has them.
pub(crate) fn named(name: &str) -> Situation {
    let [ours, theirs] = [0, 1].map(|end| {
        let link = deadpeer_lab::router::Link::of(deadpeer_lab::End(end));
        link.host.v4.to_string()
    });
    Situation::named(name, &ours, &theirs)
}

/// What was done and answered, for who has to find out why a step failed.
#[derive(Default)]
struct Log(Vec<String>);

impl Log {
    fn add(&mut self, entry: String) {
        self.0.push(entry);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(
                clippy::print_stderr,
                reason = "a test that fails tells how it came to that"
            )]
            {
                eprintln!("{}", self.0.join("\n"));
            }
        }
    }
}

struct Play {
    log: Log,
    stage: Stage,
    told: Told,
    screen: String,
    foretold: Option<Foretold>,
    /// The commands of what was started.
    running: HashMap<String, String>,
    /// When something was last done to the path.
    silent: Instant,
}

impl Play {
    fn of(situation: &Situation) -> Self {
        Self {
            log: Log::default(),
            stage: Stage::set(situation),
            told: Told {
                place: ALL.iter().position(|name| *name == situation.name).unwrap(),
                title: situation.title.clone(),
                symptom: situation.symptom.clone(),
                reports: situation.reports.clone(),
                programs: situation.programs.clone(),
                happens: situation.happens.clone(),
                ..Told::default()
            },
            screen: String::new(),
            foretold: None,
            running: HashMap::new(),
            silent: Instant::now(),
        }
    }

    fn perform(&mut self, step: &Step) {
        match step {
            Step::Start(start) => {
                self.stage.start(start);
                self.running.insert(start.name.clone(), start.run.clone());
            }
            Step::Shell(shell) => self.shell(shell),
            Step::Connect(connect) => self.stage.connect(connect),
            Step::Talk(talk) => self.stage.talk(talk),
            Step::Path(deed) => {
                self.stage.perform(deed);
                if !matches!(deed, Deed::Wait { .. }) {
                    self.silent = Instant::now();
                }
            }
            Step::Ask(ask) => self.ask(ask),
            Step::Said(said) => self.said(said),
            Step::Foretell(foretell) => {
                self.foretold = Some(Foretold::by(&self.stage, foretell));
            }
            Step::Ends(ends) => {
                let foretold = self.foretold.take().expect("nothing was foretold");
                let held = foretold.compare(&self.stage, ends, self.silent);
                self.told.held.push(held);
            }
        }
    }

    fn shell(&self, shell: &Shell) {
        let attempt = || {
            let ran = self.stage.run(&shell.at, &shell.run);
            match ran.code {
                0 => found(&shell.answers, &ran),
                _ => Err(format!("{ran:?}")),
            }
        };
        let done = until(shell.until.unwrap_or_default(), attempt);
        done.unwrap_or_else(|error| panic!("{}: {error}", shell.run));
    }

    fn ask(&mut self, ask: &Ask) {
        let command = match &ask.copied {
            None => ask.run.clone(),
            Some(begins) => {
                let line = self.screen.lines().find_map(|line| line.split_once(begins));
                let (_, rest) = line.unwrap_or_else(|| panic!("{begins}: {}", self.screen));
                format!("{begins}{}{}", rest.trim_end(), ask.run)
            }
        };
        let attempt = || {
            let ran = self.stage.run(&ask.at, &command);
            if ran.code != ask.exit {
                return Err(format!("exit {}: {ran:?}", ran.code));
            }
            let lines = found(&ask.answers, &ran)?;
            let said = all_lines(&ran).any(|line| ask.never.iter().any(|never| never.fits(line)));
            match said {
                true => Err(format!("it says what it must not: {ran:?}")),
                false => Ok((lines, ran)),
            }
        };
        let answer = until(ask.until.unwrap_or_default(), attempt);
        let (lines, ran) = answer.unwrap_or_else(|error| panic!("{command}: {error}"));
        self.log
            .add(format!("$ {command}\n{}{}", ran.stdout, ran.stderr));
        self.screen.push_str(&ran.stdout);
        let asked = Asked::new(&command, &ask.answers, lines, ask.exit);
        self.told.asked.push(asked);
    }

    fn said(&mut self, said: &Said) {
        let attempt = || {
            let text = self.stage.said(&said.by);
            fitting(&said.answers, text.lines())
        };
        let lines = until(said.within.unwrap_or_default(), attempt);
        let lines = lines.unwrap_or_else(|error| panic!("{}: {error}", said.by));
        self.log
            .add(format!("{} says:\n{}", said.by, self.stage.said(&said.by)));
        let command = self.running[&said.by].trim_start_matches("exec ");
        if command.starts_with("deadpeer ") {
            // It may have said something before.
            self.told.asked.retain(|asked| asked.command != command);
            let asked = Asked::new(command, &said.answers, lines, 0);
            self.told.asked.push(asked);
        } else {
            let says = lines
                .iter()
                .map(|line| format!("{} says: `{line}`", said.by));
            self.told.held.extend(says);
        }
    }
}

/// The lines that were wanted, in the order of what was printed.
fn found(wanted: &[Pattern], ran: &Ran) -> Result<Vec<String>, String> {
    fitting(wanted, all_lines(ran))
}

fn all_lines(ran: &Ran) -> impl Iterator<Item = &str> + Clone {
    ran.stdout.lines().chain(ran.stderr.lines())
}

fn fitting<'l>(
    wanted: &[Pattern],
    lines: impl Iterator<Item = &'l str> + Clone,
) -> Result<Vec<String>, String> {
    let missing = wanted
        .iter()
        .find(|pattern| !lines.clone().any(|line| pattern.fits(line)));
    match missing {
        Some(pattern) => {
            let all: Vec<&str> = lines.collect();
            Err(format!("no line is {:?}:\n{}", pattern.0, all.join("\n")))
        }
        None => Ok(lines
            .filter(|line| wanted.iter().any(|pattern| pattern.fits(line)))
            .map(|line| line.trim_end().to_owned())
            .collect()),
    }
}
