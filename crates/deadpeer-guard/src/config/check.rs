//! Whether what is written makes sense.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deadpeer_core::{Kernel, Refusal, SlowReaders};
use deadpeer_report::duration;
use rustc_hash::FxHashSet;
use toml::Spanned;

use super::error::{ConfigError, Place};
use super::file::{Main, PolicyEntry, SlowReadersEntry};
use super::policy::{Brake, Config, Hooks, KILLS_PER_MINUTE, Policy, SHORTEST_SWEEP, SURVIVE_LOST};
use crate::event::Mode;

/// Where policies were read from.
pub(super) struct Source {
    path: PathBuf,
    text: String,
    /// The first policy of this file.
    first: usize,
}

/// Nobody can be asked often enough in less.
const SHORTEST_DEADLINE: Duration = Duration::from_secs(5);

impl Source {
    pub(super) fn of(path: &Path, text: String) -> Self {
        Self {
            path: path.to_owned(),
            text,
            first: 0,
        }
    }

    pub(super) fn from(self, first: usize) -> Self {
        Self { first, ..self }
    }

    /// Whether a value is what it has to be.
    fn holds<T>(
        &self,
        value: Option<&Spanned<T>>,
        fits: impl Fn(&T) -> bool,
        problem: &str,
    ) -> Result<(), ConfigError> {
        match value.filter(|value| !fits(value.get_ref())) {
            Some(value) => Err(self.wrong(Some(value.span()), problem)),
            None => Ok(()),
        }
    }

    fn wrong(&self, span: Option<Range<usize>>, problem: impl Into<String>) -> ConfigError {
        ConfigError::Wrong {
            place: Place::of(&self.path, &self.text, span.map(|span| span.start)),
            problem: problem.into(),
        }
    }
}

impl Config {
    pub(super) fn checked(main: Main, sources: &[Source]) -> Result<Self, ConfigError> {
        let default = Self::default();
        let Some(first) = sources.first() else {
            return Ok(default);
        };
        first.holds(
            main.sweep.as_ref(),
            |sweep| sweep.0 >= SHORTEST_SWEEP,
            "sweep: at least 500ms",
        )?;
        let share = |share: &f64| *share > 0.0 && *share <= 1.0;
        first.holds(
            main.brake.share.as_ref(),
            share,
            "share: above 0, and 1 at most",
        )?;
        first.holds(
            main.brake.peers.as_ref(),
            |peers| *peers > 0,
            "peers: at least 1",
        )?;
        let kernel = deadpeer_sys::running_kernel().ok();
        let mut names = FxHashSet::default();
        let mut policies = Vec::new();
        for (place, entry) in main.policies.into_iter().enumerate() {
            let source = sources.iter().rfind(|source| source.first <= place);
            let source = source.unwrap_or(first);
            if !names.insert(entry.name.get_ref().clone()) {
                let twice = format!("two policies are called {}", entry.name.get_ref());
                return Err(source.wrong(Some(entry.name.span()), twice));
            }
            policies.push(Policy::checked(entry, source, kernel.as_ref())?);
        }
        if policies.is_empty() {
            policies = default.policies;
        }
        Ok(Self {
            sweep: main.sweep.map_or(default.sweep, |sweep| sweep.get_ref().0),
            brake: Brake {
                share: main
                    .brake
                    .share
                    .map_or(default.brake.share, Spanned::into_inner),
                peers: main
                    .brake
                    .peers
                    .map_or(default.brake.peers, Spanned::into_inner),
            },
            never: main.never,
            policies,
        })
    }
}

impl Policy {
    fn checked(
        entry: PolicyEntry,
        source: &Source,
        kernel: Option<&Kernel>,
    ) -> Result<Self, ConfigError> {
        let (name, place) = (entry.name.get_ref(), entry.name.span());
        let contradiction = |problem: String| Err(source.wrong(Some(place.clone()), problem));
        source.holds(
            Some(&entry.name),
            |name| !name.is_empty(),
            "name: it is empty",
        )?;
        source.holds(
            Some(&entry.name),
            |name| !name.contains(char::is_control),
            "name: it has a control character",
        )?;
        source.holds(
            Some(&entry.deadline),
            |deadline| deadline.0 >= SHORTEST_DEADLINE,
            "deadline: at least 5s, because less leaves no time to ask often enough",
        )?;
        let per_minute = entry.kills_per_minute.as_ref();
        source.holds(
            per_minute,
            |kills| *kills > 0,
            "kills-per-minute: at least 1",
        )?;
        for hook in [&entry.hooks.before_kill, &entry.hooks.after_kill] {
            let absolute = |words: &Vec<String>| {
                words
                    .first()
                    .is_some_and(|program| Path::new(program).is_absolute())
            };
            let problem = "a program by its absolute path, then its arguments";
            source.holds(hook.as_ref(), absolute, problem)?;
        }
        if entry.protect == Mode::Enforce && entry.supervise == Mode::Enforce {
            return contradiction(format!(
                "policy {name}: protect and supervise set the same options in different ways, so only one of them can be enforce"
            ));
        }
        if entry.kill != Mode::Off && entry.supervise == Mode::Off {
            return contradiction(format!(
                "policy {name}: kill needs supervise, which judges who is gone; with supervise = \"observe\" no peer is asked for it"
            ));
        }
        let terms = terms(&entry);
        if let (Some(kernel), Mode::Enforce) = (kernel, entry.protect)
            && let Err(refusal) = terms.plan(kernel)
        {
            return contradiction(format!("policy {name}: {}", refused(&refusal)));
        }
        Ok(Self {
            name: entry.name.into_inner().into(),
            selector: entry.selector,
            netns: entry.netns,
            terms,
            protect: entry.protect,
            supervise: entry.supervise,
            kill: entry.kill,
            kills_per_minute: entry
                .kills_per_minute
                .map_or(KILLS_PER_MINUTE, Spanned::into_inner),
            hooks: Hooks {
                before_kill: entry.hooks.before_kill.map(Spanned::into_inner),
                after_kill: entry.hooks.after_kill.map(Spanned::into_inner),
            },
        })
    }
}

fn terms(entry: &PolicyEntry) -> deadpeer_core::Policy {
    let terms = deadpeer_core::Policy::detect_within(entry.deadline.get_ref().0)
        .survive_lost_probes(entry.survive_lost.unwrap_or(SURVIVE_LOST))
        .slow_readers(match entry.slow_readers {
            SlowReadersEntry::Keep => SlowReaders::Keep,
            SlowReadersEntry::Drop => SlowReaders::Drop,
        })
        .after_close(entry.after_close.map_or(Duration::ZERO, |time| time.0));
    match entry.middlebox {
        Some(limit) => terms.middlebox(limit),
        None => terms,
    }
}

/// Why a deadline cannot be kept by settings alone, and what can.
fn refused(refusal: &Refusal) -> String {
    let nearest = refusal.nearest.map(|nearest| {
        let seconds = Duration::from_secs(nearest.as_millis().div_ceil(1000) as u64);
        let nearest = duration::typed(seconds).replace(' ', "");
        format!(", or deadline = \"{nearest}\"")
    });
    format!(
        "{refusal}; supervise = \"enforce\" keeps it without such settings{}",
        nearest.unwrap_or_default()
    )
}
