//! `deadpeer plan --for`: the remedy in a program's own words.

use std::io::Write;
use std::time::Duration;

use deadpeer_core::{Kernel, Notice, Silence};
use deadpeer_recipes::{Advice, Proof, Recipe, SideAdvice, SideKind, advise};
use deadpeer_report::duration::{milliseconds, typed};
use deadpeer_report::record::{Remedy, RemedySide, RemedyTimeout};

use super::answer::told;
use crate::exit::{Exit, Stop};
use crate::output::{Output, line};
use crate::text::look::Look;
use crate::text::paragraph::paragraph;
use crate::text::style;

/// Advises and prints: yes if all of the program's sockets keep the deadline then.
pub(super) fn run(
    recipe: &'static Recipe,
    within: Duration,
    kernel: &Kernel,
    output: Output,
    out: &mut impl Write,
) -> Result<Exit, Stop> {
    let advice = advise(recipe, within, kernel);
    match output {
        Output::Json => line(out, &record(&advice))?,
        Output::Text(look) => Page { look, out }.advice(&advice)?,
    }
    Ok(match advice.keeps() {
        true => Exit::Yes,
        false => Exit::No,
    })
}

/// Prints what `--for` takes.
pub(super) fn list(output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    for recipe in deadpeer_recipes::all() {
        match output {
            Output::Json => line(
                out,
                &deadpeer_report::record::Recipe {
                    program: recipe.name.clone(),
                    title: recipe.title.clone(),
                    aliases: recipe.aliases.clone(),
                    kind: recipe.kind.name().into(),
                    proof: recipe.proof.name().into(),
                },
            )?,
            Output::Text(_) => writeln!(
                out,
                "{:<16} {:<8} {}",
                recipe.name,
                recipe.kind.name(),
                recipe.title
            )?,
        }
    }
    Ok(Exit::Yes)
}

struct Page<'o, W> {
    look: Look,
    out: &'o mut W,
}

impl<W: Write> Page<'_, W> {
    fn advice(mut self, advice: &Advice) -> Result<(), Stop> {
        let recipe = advice.recipe;
        for (place, side) in advice.sides.iter().enumerate() {
            if place > 0 {
                self.gap()?;
            }
            self.side(recipe, side)?;
        }
        if !advice.keeps() {
            self.gap()?;
            self.elsewhere(advice)?;
        }
        self.gap()?;
        self.titled("Takes effect by", [recipe.apply.clone()])?;
        self.titled("Checked by", recipe.check.clone())?;
        let timeouts = recipe.timeouts.iter().map(|timeout| {
            format!(
                "{} (default {}) {}",
                timeout.key, timeout.default, timeout.does
            )
        });
        self.titled("Its own time-outs", timeouts)?;
        self.titled("Mind", recipe.traps.iter().cloned())?;
        self.titled("Known from", recipe.sources.iter().cloned())?;
        self.titled(
            "Held against the real program",
            [proof_in_words(recipe.proof)],
        )
    }

    fn side(&mut self, recipe: &Recipe, side: &SideAdvice) -> Result<(), Stop> {
        self.title(&heading(recipe, side))?;
        if side.lines.is_empty() {
            self.text("Nothing can be written: its sockets are as it makes them.")?;
        }
        // Lines to copy are printed as they are, however long.
        for line in &side.lines {
            writeln!(self.out, "    {line}")?;
        }
        for silence in Silence::JUDGED {
            let worst = side.fit.forecast.outlook(silence).worst;
            let words = format!("{:<26}{}", silence.words(), told(worst));
            match side.fit.keeps(silence) {
                true => self.text(&words)?,
                false => self.bad(&format!("{words}: not kept"))?,
            }
        }
        match side.fit.forecast.lost_probes_survived {
            Some(0) => self.bad("one lost probe ends a live connection")?,
            Some(lost) => self.text(&format!("{:<26}{lost}", "lost probes survived"))?,
            None => {}
        }
        match side.fit.forecast.slow_reader {
            dropped @ Notice::Within(_) => self.text(&format!(
                "{:<26}dropped {}",
                "live, and not reading",
                told(dropped)
            )),
            Notice::Never => Ok(()),
        }
    }

    /// What keeps the deadline where the program can't.
    fn elsewhere(&mut self, advice: &Advice) -> Result<(), Stop> {
        let within = typed(advice.within);
        let missed = |silence: &Silence| {
            let mut sides = advice.sides.iter();
            sides.any(|side| !side.fit.keeps(*silence))
        };
        let silences: Vec<_> = Silence::JUDGED.into_iter().filter(missed).collect();
        let words: Vec<_> = silences.into_iter().map(Silence::words).collect();
        self.title(&format!("To keep {within} {} as well", words.join(", ")))?;
        self.text("No setting of its own bounds that. From outside:")?;
        for line in [
            format!("deadpeer run --within {within} -- COMMAND"),
            format!("deadpeer protect --new-connections --cgroup UNIT --within {within}"),
            format!("deadpeer plan --sysctl --within {within}   (the namespace's tcp_retries2)"),
        ] {
            writeln!(self.out, "    {line}")?;
        }
        Ok(())
    }

    fn titled(&mut self, title: &str, lines: impl IntoIterator<Item = String>) -> Result<(), Stop> {
        let mut lines = lines.into_iter().peekable();
        if lines.peek().is_some() {
            self.title(title)?;
        }
        lines.try_for_each(|line| self.text(&line))
    }

    fn gap(&mut self) -> Result<(), Stop> {
        Ok(self.out.write_all(b"\n")?)
    }

    fn title(&mut self, text: &str) -> Result<(), Stop> {
        Ok(paragraph(
            self.out,
            self.look,
            style::TITLE,
            "",
            "  ",
            text,
        )?)
    }

    fn text(&mut self, text: &str) -> Result<(), Stop> {
        Ok(paragraph(
            self.out,
            self.look,
            style::PLAIN,
            "  ",
            "    ",
            text,
        )?)
    }

    fn bad(&mut self, text: &str) -> Result<(), Stop> {
        Ok(paragraph(
            self.out,
            self.look,
            style::BAD,
            "  ! ",
            "    ",
            text,
        )?)
    }
}

/// "nginx, connections of clients: in each server block of /etc/nginx/nginx.conf".
fn heading(recipe: &Recipe, side: &SideAdvice) -> String {
    let mut heading = recipe.title.clone();
    heading += match side.side.side {
        SideKind::Upstream => ", connections to servers",
        SideKind::Accepted | _ => ", connections of clients",
    };
    if let Some(of) = &side.side.of {
        heading += &format!(" ({of})");
    }
    match (&side.side.place, &recipe.file) {
        _ if side.lines.is_empty() => {}
        (Some(place), Some(file)) => heading += &format!(": {place}, {file}"),
        (Some(words), None) | (None, Some(words)) => heading += &format!(": {words}"),
        (None, None) => {}
    }
    heading
}

fn record(advice: &Advice) -> Remedy {
    let recipe = advice.recipe;
    let sides = advice.sides.iter().map(|side| RemedySide {
        side: side.side.side.name().into(),
        of: side.side.of.clone(),
        place: side.side.place.clone(),
        lines: side.lines.clone(),
        options: (&side.fit.options).into(),
        notices_in: (&side.fit.forecast).into(),
        misses: (side.fit.misses().iter())
            .map(|(silence, _)| silence.name().into())
            .collect(),
    });
    let timeouts = recipe.timeouts.iter().map(|timeout| RemedyTimeout {
        key: timeout.key.clone(),
        default: timeout.default.clone(),
        does: timeout.does.clone(),
    });
    Remedy {
        program: recipe.name.clone(),
        title: recipe.title.clone(),
        within_ms: milliseconds(advice.within),
        kept: advice.keeps(),
        file: recipe.file.clone(),
        apply: recipe.apply.clone(),
        check: recipe.check.clone(),
        sides: sides.collect(),
        timeouts: timeouts.collect(),
        traps: recipe.traps.clone(),
        proof: recipe.proof.name().into(),
        sources: recipe.sources.clone(),
    }
}

fn proof_in_words(proof: Proof) -> String {
    let words = match proof {
        Proof::Proved => {
            "its sockets had these options, and a client that vanished was noticed when foretold"
        }
        Proof::Checked => "it took these lines, and its sockets had these options",
        Proof::Described | _ => "no: from its source and documentation alone",
    };
    words.into()
}
