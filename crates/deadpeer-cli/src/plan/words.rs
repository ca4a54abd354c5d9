//! A plan in words a person understands.

use std::io::Write;
use std::time::Duration;

use anstyle::Style;
use deadpeer_core::forecast::AfterClose;
use deadpeer_core::{Kernel, Notice, Plan, Refusal, Silence};
use deadpeer_report::duration::{self, Lower, Upper};

use super::answer::{Answer, told};
use super::code::counts;
use crate::exit::Stop;
use crate::policy_args;
use crate::text::look::Look;
use crate::text::paragraph::paragraph;
use crate::text::style;

/// Prints everything about a plan: options, forecast, cost, and how to get the code.
pub(super) fn plan(answer: &Answer, look: Look, out: &mut impl Write) -> Result<(), Stop> {
    let page = Page { look };
    page.title(out, "Socket options")?;
    for setting in answer.plan.options().settings() {
        let (name, value) = (setting.name(), setting.value);
        let line = format!("{name:<18}{value:>8}  {}", counts(setting));
        page.line(out, style::PLAIN, &line)?;
    }
    if answer.plan.sysctls().iter().next().is_some() {
        out.write_all(b"\n")?;
        sysctls(answer, &page, out)?;
    }
    out.write_all(b"\n")?;
    page.title(out, "If the peer vanishes, it is noticed in the worst case")?;
    for silence in Silence::ALL {
        let worst = answer.plan.forecast().outlook(silence).worst;
        let line = format!("{:<26}{}", silence.words(), told(worst));
        if answer.plan.policy().promises(silence) {
            page.line(out, style::PLAIN, &line)?;
        } else {
            page.line(out, style::NOTE, &format!("{line} (not promised)"))?;
        }
    }
    out.write_all(b"\n")?;
    page.title(out, "After close()")?;
    for (what, value) in after_close(&answer.plan.forecast().after_close) {
        page.line(out, style::PLAIN, &format!("{what:<48}{value}"))?;
    }
    out.write_all(b"\n")?;
    page.title(out, "What it takes")?;
    for (what, value) in costs(answer) {
        page.line(out, style::PLAIN, &format!("{what:<42}{value}"))?;
    }
    if answer.plan.forecast().lost_probes_survived == Some(0) {
        page.line(out, style::BAD, ONE_LOST_PROBE)?;
    }
    if let Some(rto) = answer.plan.assumed_rto() {
        page.line(out, style::PLAIN, &assumption(rto))?;
    }
    out.write_all(b"\n")?;
    page.title(out, "To set it")?;
    for (command, what) in [
        (
            "--code LANGUAGE",
            "in your own program: c, rust, libc, go, python, java, node, csharp, sysctl",
        ),
        (
            "--for PROGRAM",
            "in a program's own words: nginx, postgresql, redis-py, ... (--list)",
        ),
    ] {
        page.line(out, style::PLAIN, &format!("{command:<18}{what}"))?;
    }
    Ok(())
}

/// Says why there is no plan, and what could be promised.
pub(crate) fn refusal(
    refusal: &Refusal,
    takes_sysctl: bool,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    paragraph(out, look, style::BAD, "", "", &refusal.to_string())?;
    if let Some(ways) = policy_args::ways_out(refusal, takes_sysctl) {
        paragraph(out, look, style::PLAIN, "", "", &ways)?;
    }
    Ok(())
}

/// What is to be set for everybody, and what that changes.
fn sysctls(answer: &Answer, page: &Page, out: &mut impl Write) -> Result<(), Stop> {
    page.title(out, "Sysctls of the network namespace")?;
    for (name, value) in answer.plan.sysctls().iter() {
        page.line(out, style::PLAIN, &format!("{name} = {value}"))?;
    }
    let change = format!(
        "They reach {}.",
        for_everybody(&answer.plan, &answer.kernel)
    );
    page.line(out, style::NOTE, &change)
}

/// Whom a plan's sysctls reach, and what they change for those, as the end of a sentence.
pub(crate) fn for_everybody(plan: &Plan, kernel: &Kernel) -> String {
    let (now, then) = plan.for_everybody(kernel);
    format!(
        "every connection of every program there: one with default settings and data in flight to a peer that vanished is then given \
         up {}, not {}",
        told(then),
        told(now)
    )
}

fn after_close(told: &AfterClose) -> [(&'static str, String); 3] {
    [
        (
            "what was written last survives an outage of",
            Lower(told.outage_survived).to_string(),
        ),
        (
            "a live peer that does not read",
            match told.slow_reader {
                Notice::Within(span) => format!("may lose it after {}", Lower(span.earliest)),
                Notice::Never => "is waited for".into(),
            },
        ),
        (
            "a connection whose peer is gone is kept for",
            format!("{} at most", Upper(told.kept)),
        ),
    ]
}

fn costs(answer: &Answer) -> Vec<(&'static str, String)> {
    let forecast = answer.plan.forecast();
    let mut costs = vec![(
        "packets on an idle connection",
        format!("{:.0} an hour", forecast.packets_per_idle_hour),
    )];
    if let Some(lost) = forecast.lost_probes_survived {
        costs.push(("lost probes that a live peer survives", lost.to_string()));
    }
    if let (Some(limit), Some(idle)) = (
        answer.plan.policy().middlebox_limit(),
        answer.plan.options().keepidle_s,
    ) {
        costs.push((
            "a middlebox with this idle limit",
            format!("{}: hears a probe after {idle} s", duration::typed(limit)),
        ));
    }
    costs.push((
        "a live peer that does not read",
        match forecast.slow_reader {
            Notice::Within(span) => format!("is dropped after {}", Upper(span.latest)),
            Notice::Never => "is kept".into(),
        },
    ));
    costs
}

/// RFC 1122, section 4.2.3.6.
const ONE_LOST_PROBE: &str =
    "One lost probe ends the connection to a live peer, which RFC 1122 (4.2.3.6) forbids.";

fn assumption(rto: Duration) -> String {
    format!(
        "Holds while the connection's retransmission timeout (rto in TCP_INFO) is at most {}.",
        Upper(rto)
    )
}

/// Lines of one look.
struct Page {
    look: Look,
}

impl Page {
    fn title(&self, out: &mut impl Write, text: &str) -> Result<(), Stop> {
        Ok(paragraph(out, self.look, style::TITLE, "", "", text)?)
    }

    fn line(&self, out: &mut impl Write, style: Style, text: &str) -> Result<(), Stop> {
        Ok(paragraph(out, self.look, style, "  ", "      ", text)?)
    }
}
