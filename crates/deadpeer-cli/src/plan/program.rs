//! `deadpeer plan --for`: the remedy in a program's own words.

use std::io::Write;
use std::time::Duration;

use deadpeer_core::{Kernel, Silence};
use deadpeer_recipes::{Advice, OwnAdvice, Proof, Recipe, SideAdvice, advise};
use deadpeer_report::duration::{Upper, milliseconds, typed};
use deadpeer_report::record::{Remedy, RemedySide, RemedyTimeout};

use super::page::{Page, whose};
use crate::exit::{Exit, Stop};
use crate::output::{Output, line};

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

impl<W: Write> Page<'_, W> {
    fn advice(mut self, advice: &Advice) -> Result<(), Stop> {
        let recipe = advice.recipe;
        for (place, side) in advice.sides.iter().enumerate() {
            if place > 0 {
                self.gap()?;
            }
            self.side(recipe, side)?;
        }
        for own in &advice.own {
            self.gap()?;
            self.own(own)?;
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
        self.titled("Its own timeouts", timeouts)?;
        self.titled("Mind", recipe.traps.iter().cloned())?;
        self.titled("Known from", recipe.sources.iter().cloned())?;
        self.titled(
            "Tested with the real program",
            [proof_in_words(recipe.proof)],
        )
    }

    fn side(&mut self, recipe: &Recipe, side: &SideAdvice) -> Result<(), Stop> {
        self.title(&heading(recipe, side))?;
        if side.lines.is_empty() {
            self.text(
                "There is no setting for these sockets: they are as the program makes them.",
            )?;
        }
        // Lines to copy are printed as they are, however long.
        for line in &side.lines {
            writeln!(self.out, "    {line}")?;
        }
        self.promise(&side.fit)
    }

    /// What the program can do besides its sockets' options.
    fn own(&mut self, own: &OwnAdvice) -> Result<(), Stop> {
        let only = own
            .timeout
            .ends
            .iter()
            .filter_map(|ends| ends.only.as_ref());
        let only: String = only.map(|only| format!(", {only}")).collect();
        self.title(&format!("By its own heartbeats{only}"))?;
        for line in &own.lines {
            writeln!(self.out, "    {line}")?;
        }
        let after = format!("gone after {} at most", Upper(own.after));
        self.text(&format!("{:<26}{after}", "a client, in every state"))?;
        let apply = own
            .timeout
            .ends
            .as_ref()
            .and_then(|ends| ends.apply.as_ref());
        apply.map_or(Ok(()), |apply| {
            self.text(&format!("takes effect by {apply}"))
        })
    }

    /// What keeps the deadline where the program can't.
    fn elsewhere(&mut self, advice: &Advice) -> Result<(), Stop> {
        let within = typed(advice.within);
        let missed = advice.missed().into_iter();
        let words: Vec<_> = missed.map(Silence::words).collect();
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
}

/// "nginx, connections of clients: in each server block of /etc/nginx/nginx.conf".
fn heading(recipe: &Recipe, side: &SideAdvice) -> String {
    let mut heading = format!("{}, {}", recipe.title, whose(side.side.side));
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
            "its sockets had these options, and a client that vanished was noticed as predicted"
        }
        Proof::Checked => "it took these lines, and its sockets had these options",
        Proof::Described | _ => "no: from its source and documentation alone",
    };
    words.into()
}
