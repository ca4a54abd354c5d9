//! A page of `plan --for`: titles, lines, and what settings promise.

use std::io::Write;

use anstyle::Style;
use deadpeer_core::{Notice, Silence};
use deadpeer_recipes::{Fit, SideKind};

use super::answer::told;
use crate::exit::Stop;
use crate::text::look::Look;
use crate::text::paragraph::paragraph;
use crate::text::style;

/// Whose connections sockets of a kind are.
pub(super) fn whose(kind: SideKind) -> &'static str {
    match kind {
        SideKind::Upstream => "connections to servers",
        SideKind::Accepted | _ => "connections of clients",
    }
}

/// A page that is being printed.
pub(super) struct Page<'o, W> {
    pub(super) look: Look,
    pub(super) out: &'o mut W,
}

impl<W: Write> Page<'_, W> {
    /// When a vanished peer is noticed in each silence, and what else follows.
    pub(super) fn promise(&mut self, fit: &Fit) -> Result<(), Stop> {
        for silence in Silence::JUDGED {
            let worst = fit.forecast.outlook(silence).worst;
            let words = format!("{:<26}{}", silence.words(), told(worst));
            match fit.keeps(silence) {
                true => self.text(&words)?,
                false => self.bad(&format!("{words}: not kept"))?,
            }
        }
        match fit.forecast.lost_probes_survived {
            Some(0) => self.bad("one lost probe ends a live connection")?,
            Some(lost) => self.text(&format!("{:<26}{lost}", "lost probes survived"))?,
            None => {}
        }
        match fit.forecast.slow_reader {
            dropped @ Notice::Within(_) => self.text(&format!(
                "{:<26}dropped {}",
                "live, and not reading",
                told(dropped)
            )),
            Notice::Never => Ok(()),
        }
    }

    pub(super) fn titled(
        &mut self,
        title: &str,
        lines: impl IntoIterator<Item = String>,
    ) -> Result<(), Stop> {
        let mut lines = lines.into_iter().peekable();
        if lines.peek().is_some() {
            self.title(title)?;
        }
        lines.try_for_each(|line| self.text(&line))
    }

    pub(super) fn gap(&mut self) -> Result<(), Stop> {
        Ok(self.out.write_all(b"\n")?)
    }

    pub(super) fn title(&mut self, text: &str) -> Result<(), Stop> {
        Ok(paragraph(
            self.out,
            self.look,
            style::TITLE,
            "",
            "  ",
            text,
        )?)
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), Stop> {
        Ok(paragraph(
            self.out,
            self.look,
            style::PLAIN,
            "  ",
            "    ",
            text,
        )?)
    }

    pub(super) fn styled(&mut self, style: Style, text: &str) -> Result<(), Stop> {
        Ok(paragraph(self.out, self.look, style, "", "  ", text)?)
    }

    pub(super) fn bad(&mut self, text: &str) -> Result<(), Stop> {
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
