//! `deadpeer plan --read`: what a configuration promises, and what to change in it. Nothing is
//! written.

use std::io::Write;

use deadpeer_core::Silence;
use deadpeer_recipes::read::{Line, Own, OwnEnd, Reading, Sockets};
use deadpeer_report::duration::{Upper, argument, milliseconds, milliseconds_up, typed};
use deadpeer_report::record::{
    self, ConfigurationLine, ConfigurationOwn, ConfigurationRemark, ConfigurationSockets,
};
use deadpeer_report::sanitize::sanitize;

use super::page::{Page, whose};
use crate::exit::{Exit, Stop};
use crate::output::{Output, line};
use crate::text::style;

/// Prints: yes if the deadline is kept as things are, unknown if that can't be told.
pub(super) fn run(reading: &Reading, output: Output, out: &mut impl Write) -> Result<Exit, Stop> {
    match output {
        Output::Json => line(out, &record(reading))?,
        Output::Text(look) => Page { look, out }.reading(reading)?,
    }
    Ok(match reading.keeps() {
        Some(true) => Exit::Yes,
        Some(false) => Exit::No,
        None => Exit::Unknown,
    })
}

impl<W: Write> Page<'_, W> {
    fn reading(mut self, reading: &Reading) -> Result<(), Stop> {
        for sockets in &reading.sockets {
            self.sockets(reading, sockets)?;
            self.gap()?;
        }
        let own = reading.own.iter().map(own_in_words);
        self.titled("Its own timeouts, as they are set", own)?;
        let remarks = reading.remarks.iter().map(|remark| {
            let (place, what) = (remark.place.to_string(), &remark.what);
            format!("{}: {}", sanitize(&place), sanitize(what))
        });
        self.titled("Not read or not understood", remarks)?;
        self.change(reading)?;
        self.verdict(reading)
    }

    fn sockets(&mut self, reading: &Reading, sockets: &Sockets) -> Result<(), Stop> {
        let whose = whose(sockets.side.side);
        let title = match &sockets.at {
            Some(at) => format!("{whose}: {}", line_in_words(at)),
            None => format!("{whose}: {}", sanitize(&reading.files.join(", "))),
        };
        self.title(&title)?;
        for said in &sockets.said {
            self.text(&line_in_words(said))?;
        }
        match &sockets.fit {
            Some(fit) => self.promise(fit),
            None => self.bad("a value is not understood, so what it promises is unknown"),
        }
    }

    fn change(&mut self, reading: &Reading) -> Result<(), Stop> {
        if !reading.diffs.is_empty() {
            let title = match reading.passwords_hidden {
                true => {
                    "To change by hand, since passwords are left out (***); nothing was written"
                }
                false => "To change, as patch takes it (patch -d / -p1; nothing was written)",
            };
            self.title(title)?;
        }
        for line in reading
            .diffs
            .iter()
            .flat_map(|diff| diff.split_inclusive('\n'))
        {
            // What a terminal might obey is escaped: then no patch takes the line.
            let text = line.trim_end_matches(['\r', '\n']);
            let plain = text.replace('\t', "");
            match sanitize(&plain) == plain {
                true => write!(self.out, "{line}")?,
                false => writeln!(self.out, "{}", sanitize(text))?,
            }
        }
        if !reading.by_hand.is_empty() {
            self.title("To write, where it is set now or in a place of your choice")?;
        }
        for text in &reading.by_hand {
            writeln!(self.out, "    {text}")?;
        }
        if reading.diffs.is_empty() && reading.by_hand.is_empty() {
            return Ok(());
        }
        let recipe = reading.advice.recipe;
        self.titled("Takes effect by", [recipe.apply.clone()])?;
        self.titled("Checked by", recipe.check.clone())
    }

    fn verdict(&mut self, reading: &Reading) -> Result<(), Stop> {
        let within = typed(reading.advice.within);
        let missed = reading.missed_at_best().into_iter();
        let missed: Vec<_> = missed.map(Silence::words).collect();
        let changes = !reading.diffs.is_empty() || !reading.by_hand.is_empty();
        let (style, text) = match reading.keeps() {
            Some(true) => (style::GOOD, format!("Kept: {within}, by what was read.")),
            Some(false) if missed.is_empty() => (style::BAD, format!("Not kept: {within}.")),
            Some(false) => {
                let change = if changes {
                    ", nor will it be by this change"
                } else {
                    ""
                };
                let (missed, program) = (missed.join(", "), &reading.advice.recipe.name);
                let argument = argument(reading.advice.within);
                let best = format!("its configuration has nothing that bounds it {missed}");
                let elsewhere = format!("deadpeer plan --for {program} --within {argument}");
                let text = format!("Not kept: {within}{change}: {best}. What does: {elsewhere}");
                (style::BAD, text)
            }
            None if reading.sockets.is_empty() => (
                style::NOTE,
                "Can't tell: nothing in it says that the program listens or connects.".to_owned(),
            ),
            None => (
                style::NOTE,
                format!(
                    "Can't tell whether {within} is kept: see what was not read or understood."
                ),
            ),
        };
        self.gap()?;
        self.styled(style, &text)
    }
}

fn line_in_words(line: &Line) -> String {
    let (place, text) = (line.place.to_string(), sanitize(&line.text));
    format!("{}: {text}", sanitize(&place))
}

/// "ClientAliveInterval: ends a connection after 30 s at most (/etc/ssh/sshd_config:12: ...)".
pub(crate) fn own_in_words(own: &Own) -> String {
    let mut words = format!("{}: ", own.timeout.key);
    let only = own
        .timeout
        .ends
        .as_ref()
        .and_then(|ends| ends.only.as_deref());
    let silences = own.timeout.ends.iter().flat_map(|ends| &ends.silences);
    let silences: Vec<&str> = silences.filter_map(|name| silence_in_words(name)).collect();
    words += &match own.ends {
        OwnEnd::After(after) if silences.is_empty() => format!(
            "ends a connection at most {} after the kernel has given it up",
            Upper(after)
        ),
        OwnEnd::After(after) => {
            format!(
                "ends a connection after {} at most {}",
                Upper(after),
                silences.join(", ")
            )
        }
        OwnEnd::Never => "off".to_owned(),
        OwnEnd::Unknown | _ => "its value is not understood".to_owned(),
    };
    if let (Some(only), OwnEnd::After(_)) = (only, own.ends) {
        words += &format!(", {only}");
    }
    let said: Vec<String> = own.said.iter().map(line_in_words).collect();
    words += &match said.is_empty() {
        true => format!(" (by default: {})", own.timeout.default),
        false => format!(" ({})", said.join("; ")),
    };
    words
}

fn silence_in_words(name: &str) -> Option<&'static str> {
    let mut silences = Silence::JUDGED.into_iter();
    silences
        .find(|silence| silence.name() == name)
        .map(Silence::words)
}

fn record(reading: &Reading) -> record::Configuration {
    let sockets = reading.sockets.iter().map(|sockets| ConfigurationSockets {
        side: sockets.side.side.name().into(),
        at: sockets.at.as_ref().map(line_record),
        lines: sockets.said.iter().map(line_record).collect(),
        options: sockets.fit.as_ref().map(|fit| (&fit.options).into()),
        notices_in: sockets.fit.as_ref().map(|fit| (&fit.forecast).into()),
        misses: sockets.fit.as_ref().map(|fit| {
            let misses = fit.misses().into_iter();
            misses.map(|(silence, _)| silence.name().into()).collect()
        }),
    });
    let remarks = reading.remarks.iter().map(|remark| ConfigurationRemark {
        file: remark.place.file.clone(),
        line: remark.place.line,
        text: remark.what.clone(),
    });
    record::Configuration {
        program: reading.advice.recipe.name.clone(),
        within_ms: milliseconds(reading.advice.within),
        kept: reading.keeps(),
        files: reading.files.clone(),
        sockets: sockets.collect(),
        own: reading.own.iter().map(own_record).collect(),
        remarks: remarks.collect(),
        diffs: reading.diffs.clone(),
        passwords_hidden: reading.passwords_hidden,
        by_hand: reading.by_hand.clone(),
    }
}

/// A timeout of the program's own, as a record.
pub(crate) fn own_record(own: &Own) -> ConfigurationOwn {
    ConfigurationOwn {
        key: own.timeout.key.clone(),
        lines: own.said.iter().map(line_record).collect(),
        ends_ms: match own.ends {
            OwnEnd::After(after) => Some(milliseconds_up(after)),
            OwnEnd::Never | OwnEnd::Unknown | _ => None,
        },
        understood: own.ends != OwnEnd::Unknown,
        silences: own
            .timeout
            .ends
            .iter()
            .flat_map(|ends| ends.silences.clone())
            .map(Into::into)
            .collect(),
        only: own.timeout.ends.as_ref().and_then(|ends| ends.only.clone()),
    }
}

fn line_record(line: &Line) -> ConfigurationLine {
    ConfigurationLine {
        file: line.place.file.clone(),
        line: line.place.line,
        text: line.text.clone(),
    }
}
