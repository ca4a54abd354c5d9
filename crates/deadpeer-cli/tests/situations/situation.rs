//! A situation as data: what somebody reported, with which programs it is acted out, and what has
//! to come of it.

use std::path::PathBuf;
use std::time::Duration;

use deadpeer_lab::fault::Deed;
use serde::{Deserialize, Deserializer};

/// What one file of this folder says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Situation {
    /// The name of its file, without the end.
    #[serde(skip)]
    pub(crate) name: String,
    /// A few words.
    pub(crate) title: String,
    /// What people report, in one sentence.
    pub(crate) symptom: String,
    /// Where they did, as `owner/repository#number`.
    pub(crate) reports: Vec<String>,
    /// Programs that have to be installed.
    pub(crate) programs: Vec<String>,
    /// What is done to bring it about, in one sentence.
    pub(crate) happens: String,
    /// Hosts beside `ours` and `theirs`.
    #[serde(default)]
    pub(crate) hosts: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

/// What is done or has to be true next.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Step {
    /// Starts a program that stays.
    Start(Start),
    /// Does something that ends, well.
    Shell(Shell),
    /// Connects, speaks and is answered.
    Connect(Connect),
    /// Speaks on an open connection and is answered: it is alive.
    Talk(Talk),
    /// Does something to the path between `ours` and `theirs`, or waits.
    Path(Deed),
    /// Runs deadpeer and reads its answer.
    Ask(Ask),
    /// Waits until a program that was started has said something.
    Said(Said),
    /// Notes when deadpeer says that the kernel will end some connections.
    Foretell(Foretell),
    /// Waits until the kernel has ended them, and compares.
    Ends(Ends),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Start {
    /// What it is called in later steps, and the shell's variable with its pid.
    pub(crate) name: String,
    #[serde(default = "ours")]
    pub(crate) at: String,
    pub(crate) run: String,
    /// It is there once it listens on this port.
    pub(crate) listens: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Shell {
    #[serde(default = "ours")]
    pub(crate) at: String,
    pub(crate) run: String,
    /// Lines that it prints.
    #[serde(default)]
    pub(crate) answers: Vec<Pattern>,
    /// It is run again until it does, so long at most.
    #[serde(default, deserialize_with = "duration")]
    pub(crate) until: Option<Duration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Connect {
    pub(crate) name: String,
    #[serde(default = "theirs")]
    pub(crate) at: String,
    #[serde(default = "ours")]
    pub(crate) to: String,
    pub(crate) port: u16,
    #[serde(default = "one")]
    pub(crate) count: u32,
    #[serde(default)]
    pub(crate) say: String,
    /// Whether an answer is waited for.
    #[serde(default = "yes")]
    pub(crate) answered: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Talk {
    pub(crate) name: String,
    pub(crate) say: String,
    /// Without, nothing has to come back.
    #[serde(default = "yes")]
    pub(crate) answered: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Ask {
    #[serde(default = "ours")]
    pub(crate) at: String,
    /// The command, or what is added to one that is copied.
    #[serde(default)]
    pub(crate) run: String,
    /// It begins with these words and stands in an answer before, as a reader would copy it.
    pub(crate) copied: Option<String>,
    #[serde(default)]
    pub(crate) exit: i32,
    /// Lines that the answer has, each as printed but for `*`; first the one that tells most.
    #[serde(default)]
    pub(crate) answers: Vec<Pattern>,
    /// Lines that it does not have.
    #[serde(default)]
    pub(crate) never: Vec<Pattern>,
    /// It is asked again until it answers so, so long at most.
    #[serde(default, deserialize_with = "duration")]
    pub(crate) until: Option<Duration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Said {
    pub(crate) by: String,
    pub(crate) answers: Vec<Pattern>,
    #[serde(deserialize_with = "duration")]
    pub(crate) within: Option<Duration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Foretell {
    #[serde(default = "ours")]
    pub(crate) at: String,
    /// Which connections, as filters of `deadpeer audit`.
    pub(crate) which: String,
    pub(crate) connections: usize,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Ends {
    /// Where they are.
    #[serde(default = "ours")]
    pub(crate) at: String,
    /// Not later than this after the peer fell silent, which is the step before the forecast.
    #[serde(default, deserialize_with = "duration")]
    pub(crate) deadline: Option<Duration>,
}

impl Step {
    fn ask(&self) -> Option<&Ask> {
        if let Self::Ask(ask) = self {
            return Some(ask);
        }
        None
    }
}

/// A line, in which `*` stands for anything.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Pattern(pub(crate) String);

impl Pattern {
    pub(crate) fn fits(&self, line: &str) -> bool {
        let mut rest = line.trim();
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(after) = rest.strip_prefix(first) else {
            return false;
        };
        rest = after;
        let parts: Vec<&str> = parts.collect();
        let Some((last, middle)) = parts.split_last() else {
            return rest.is_empty();
        };
        for part in middle {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl Situation {
    /// Reads the file of this name, with the addresses of both hosts filled in.
    pub(crate) fn named(name: &str, ours: &str, theirs: &str) -> Self {
        let file = folder().join(format!("{name}.toml"));
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("{ours}", ours).replace("{theirs}", theirs);
        let read: Self =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Self {
            name: name.to_owned(),
            ..read
        }
    }
}

impl Situation {
    /// The lines that deadpeer's answers have.
    pub(crate) fn answers(&self) -> impl Iterator<Item = &Pattern> {
        let asks = self.steps.iter().filter_map(Step::ask);
        asks.flat_map(|ask| &ask.answers)
    }
}

/// Where the files are.
pub(crate) fn folder() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/situations").into()
}

fn ours() -> String {
    "ours".to_owned()
}

fn theirs() -> String {
    "theirs".to_owned()
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    let span: jiff::SignedDuration = text.parse().map_err(serde::de::Error::custom)?;
    Duration::try_from(span)
        .map(Some)
        .map_err(serde::de::Error::custom)
}

#[test]
fn a_star_stands_for_anything() {
    let fits = |pattern: &str, line: &str| Pattern(pattern.to_owned()).fits(line);
    assert!(fits(
        "HUNG NOW: * gives up in *",
        "HUNG NOW: psql, gives up in 3 s"
    ));
    assert!(fits("  all of it", "  all of it") || fits("all of it", "  all of it"));
    assert!(!fits("all of it", "all of it and more"));
    assert!(!fits("*exit", "exit 1"));
    assert!(fits("*", ""));
}
