//! A recipe and a deadline make an advice.

mod own;

use std::time::Duration;

use deadpeer_core::{Kernel, Silence};

pub use self::own::OwnAdvice;

use crate::fit::{Fit, fit};
use crate::recipe::{Recipe, Side};
use crate::template::fill;

/// Where a program listens in lines for nobody in particular.
const PORT_SHOWN: u16 = 80;

/// What to write for a program, and what that keeps.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Advice {
    /// The program.
    pub recipe: &'static Recipe,
    /// The deadline.
    pub within: Duration,
    /// Each kind of its sockets.
    pub sides: Vec<SideAdvice>,
    /// Timeouts of its own that keep the deadline.
    pub own: Vec<OwnAdvice>,
}

/// One kind of a program's sockets.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SideAdvice {
    /// What the recipe says of them.
    pub side: &'static Side,
    /// The values, and what they promise.
    pub fit: Fit,
    /// The lines to write; where they need a port, for the program's usual one.
    pub lines: Vec<String>,
}

impl SideAdvice {
    /// A line with the values, and this port, in the places of their names.
    #[must_use]
    pub fn fill(&self, line: &str, port: u16) -> String {
        fill(line, &self.fit.options, Some(port))
    }

    /// The lines to write where the program listens on this port.
    #[must_use]
    pub fn lines_on(&self, port: u16) -> Vec<String> {
        let lines = self.side.lines.iter();
        lines.map(|line| self.fill(line, port)).collect()
    }
}

impl Advice {
    /// Whether every kind of socket keeps the deadline in the silences that may come over each.
    #[must_use]
    pub fn keeps(&self) -> bool {
        self.missed().is_empty()
    }

    /// The silences in which neither the sockets' options nor a timeout of the program's own,
    /// which ends every connection, keep the deadline.
    #[must_use]
    pub fn missed(&self) -> Vec<Silence> {
        let kept = |silence| {
            self.sides.iter().all(|side| side.fit.keeps(silence))
                || self.own.iter().any(|own| own.keeps(silence, self.within))
        };
        Silence::JUDGED
            .into_iter()
            .filter(|silence| !kept(*silence))
            .collect()
    }
}

/// What to write so that a vanished peer is noticed within a deadline on this kernel, as far as the
/// program can.
#[must_use]
pub fn advise(recipe: &'static Recipe, within: Duration, kernel: &Kernel) -> Advice {
    let port = recipe.ports.first().copied().unwrap_or(PORT_SHOWN);
    let sides = recipe.sides.iter().map(|side| {
        let fit = fit(&side.sets, within, kernel);
        let lines = side.lines.iter();
        let lines = lines.map(|line| fill(line, &fit.options, Some(port)));
        SideAdvice {
            side,
            lines: lines.collect(),
            fit,
        }
    });
    Advice {
        recipe,
        within,
        sides: sides.collect(),
        own: own::advise(recipe, within),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::all;
    use crate::recipe::Knob;

    /// Deadlines that people have.
    const WITHIN: [u64; 5] = [10, 30, 60, 300, 900];

    #[test]
    fn every_placeholder_of_every_recipe_has_a_value_and_every_value_is_what_the_kernel_takes() {
        for kernel in [Kernel::modern(Some(250)), Kernel::before_rto_max(Some(250))] {
            for (recipe, seconds) in all().iter().flat_map(|r| WITHIN.map(|s| (r, s))) {
                let advice = advise(recipe, Duration::from_secs(seconds), &kernel);
                for side in &advice.sides {
                    side.fit.options.check().unwrap();
                    let left = [
                        "{idle",
                        "{interval",
                        "{count",
                        "{user-timeout",
                        "{probing",
                        "{port",
                    ];
                    for (line, name) in side.lines.iter().flat_map(|l| left.map(|n| (l, n))) {
                        assert!(!line.contains(name), "{}: {line}", recipe.name);
                    }
                }
            }
        }
    }

    #[test]
    fn no_advice_makes_one_lost_probe_the_end_where_the_deadline_has_room() {
        let kernel = Kernel::before_rto_max(Some(250));
        for recipe in all() {
            let advice = advise(recipe, Duration::from_secs(60), &kernel);
            // Where the program decides itself, the advice can only say what that means.
            let settable = |side: &&SideAdvice| {
                side.side.sets.idle != Knob::Untouched
                    && !matches!(side.side.sets.idle, Knob::Fixed(_))
            };
            for side in advice.sides.iter().filter(settable) {
                if let Some(survived) = side.fit.forecast.lost_probes_survived {
                    assert!(survived >= 2, "{}: {:?}", recipe.name, side.fit.options);
                }
            }
        }
    }

    #[test]
    fn nginx_keeps_idle_connections_and_cannot_keep_data_in_flight() {
        let nginx = crate::find("nginx").unwrap();
        let kernel = Kernel::before_rto_max(Some(250));
        let advice = advise(nginx, Duration::from_secs(30), &kernel);
        let [accepted, ..] = &advice.sides[..] else {
            panic!("{advice:?}")
        };
        assert!(accepted.fit.keeps(Silence::Idle), "{accepted:?}");
        assert!(!accepted.fit.keeps(Silence::InFlight));
        assert!(!advice.keeps());
        assert!(accepted.lines[0].contains("so_keepalive="), "{accepted:?}");
    }

    #[test]
    fn of_a_deadline_that_cannot_be_kept_the_nearest_is_advised() {
        let nginx = crate::find("nginx").unwrap();
        let kernel = Kernel::before_rto_max(Some(250));
        let advice = advise(nginx, Duration::from_secs(2), &kernel);
        assert!(!advice.sides[0].fit.keeps(Silence::Idle));
        assert_eq!(advice.sides[0].lines, ["listen 80 so_keepalive=1s:1s:3;"]);
        let elsewhere = advice.sides[0].lines_on(8080);
        assert_eq!(elsewhere, ["listen 8080 so_keepalive=1s:1s:3;"]);
        let squid = crate::find("squid").unwrap();
        let squid = advise(squid, Duration::from_secs(30), &kernel);
        assert!(squid.sides[0].lines[0].starts_with("http_port 3128 "));
        let elsewhere = squid.sides[0].lines_on(8888);
        assert!(elsewhere[0].starts_with("http_port 8888 "), "{elsewhere:?}");
    }
}
