//! The one way out: an answer is text for people or JSON lines for programs.

use std::io::Write;

use anstyle::Style;
use clap::Args;
use deadpeer_report::{Gap, json, record};
use serde::Serialize;

use crate::exit::Stop;
use crate::text::look::Look;
use crate::text::paragraph::paragraph;
use crate::text::style;

/// How answers are printed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct OutputArgs {
    /// Print JSON lines; schemas/README.md describes them
    #[arg(long)]
    json: bool,
}

impl OutputArgs {
    /// The form, if text is to look like this.
    pub(crate) fn form(self, look: Look) -> Output {
        match self.json {
            true => Output::Json,
            false => Output::Text(look),
        }
    }
}

/// The form of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Output {
    /// Tables and sentences.
    Text(Look),
    /// A record a line.
    Json,
}

impl Output {
    /// Says something to people alone: a program has it from the records.
    pub(crate) fn say(self, out: &mut impl Write, style: Style, text: &str) -> Result<(), Stop> {
        match self {
            Self::Text(look) => Ok(paragraph(out, look, style, "", "  ", text)?),
            Self::Json => Ok(()),
        }
    }

    /// Writes a record, or says the same in words.
    pub(crate) fn tell<R: Serialize>(
        self,
        out: &mut impl Write,
        record: impl FnOnce() -> R,
        style: Style,
        text: impl FnOnce() -> String,
    ) -> Result<(), Stop> {
        match self {
            Self::Text(_) => self.say(out, style, &text()),
            Self::Json => line(out, &record()),
        }
    }

    /// Owns up to gaps.
    pub(crate) fn gaps(
        self,
        out: &mut impl Write,
        gaps: impl IntoIterator<Item = Gap>,
    ) -> Result<(), Stop> {
        for gap in gaps {
            let style = match gap.is_refusal() {
                true => style::BAD,
                false => style::NOTE,
            };
            self.tell(
                out,
                || record::Warning::from(&gap),
                style,
                || gap.to_string(),
            )?;
        }
        Ok(())
    }
}

/// Writes a record.
pub(crate) fn line(out: &mut impl Write, record: &impl Serialize) -> Result<(), Stop> {
    Ok(json::line(out, record)?)
}
