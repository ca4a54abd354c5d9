//! The audit connection by connection.
//!
//! Rows are kept small until all are read, so that the worst can come first; JSON lines go out as
//! they are read.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::io::Write;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::rc::Rc;

use deadpeer_core::{Finding, TcpState};
use deadpeer_host::audit::{Audit, Basis, Bound, Compliance, Judged, Judgement, Machine};
use deadpeer_host::{Query, Tables};
use deadpeer_report::sanitize::sanitize_bytes;

use super::cells::{PLACE, answer, column, text, with_places};
use super::doing::Doing;
use super::words::{BasisWords, PeerWords, PlaceWords};
use crate::exit::Stop;
use crate::output::{Output, line};
use crate::text::look::Look;
use crate::text::style;
use crate::text::table::{Column, Cut, Row, Table as TextTable};

const COLUMNS: [Column; 13] = [
    text("PROCESS", Cut::End(8), 0),
    PLACE,
    Column {
        drop: 4,
        ..column("PID", true)
    },
    Column {
        drop: 6,
        ..column("FD", true)
    },
    text("LOCAL", Cut::Middle(9), 0),
    text("PEER", Cut::Middle(9), 1),
    Column {
        drop: 5,
        ..column("STATE", false)
    },
    column("IDLE", true),
    column("IN FLIGHT", true),
    column("LATE WRITE", true),
    text("SETTINGS IN FORCE", Cut::End(17), 2),
    text("DOING NOW", Cut::End(16), 3),
    text("NOTES", Cut::End(10), 2),
];

/// Reads and prints.
pub(super) fn run(
    audit: &Audit,
    tables: &mut Tables,
    query: &Query,
    output: Output,
    out: &mut impl Write,
) -> Result<Machine, Stop> {
    let mut lines = Vec::new();
    let mut seen = Seen::default();
    let mut failed = None;
    let machine = audit.each_of_all(tables, query, |judged| {
        match output {
            Output::Text(_) => lines.push(Line::of(judged, &mut seen)),
            Output::Json => failed = write_json(judged, out).err(),
        }
        match failed {
            None => ControlFlow::Continue(()),
            Some(_) => ControlFlow::Break(()),
        }
    });
    if let Some(stop) = failed {
        return Err(stop);
    }
    let machine = machine.map_err(|error| Stop::from_error(&error))?;
    if let Output::Text(look) = output
        && !lines.is_empty()
    {
        take_marks(&machine, &mut lines);
        lines.sort_unstable_by_key(Line::order);
        write(audit, &lines, machine.has_places(), look, out)?;
    }
    Ok(machine)
}

/// Takes the mark from listeners that are overruled.
fn take_marks(machine: &Machine, lines: &mut [Line]) {
    let overruled: HashSet<(u64, SocketAddr)> = machine.overruled().collect();
    for line in lines {
        if line.doing.state == TcpState::Listen && overruled.contains(&(line.netns, line.local)) {
            line.late = false;
            line.overruled = true;
            line.notes = Some("connections have settings of their own".into());
        }
    }
}

fn write_json(judged: &Judged<'_>, out: &mut impl Write) -> Result<(), Stop> {
    match judged.connection.socket.state == TcpState::Listen {
        true => line(out, &judged.to_listener_record()),
        false => line(out, &judged.to_record()),
    }
}

/// What is kept of a connection until it is printed.
struct Line {
    netns: u64,
    place: Rc<str>,
    process: Option<Rc<str>>,
    pid: u32,
    fd: i32,
    further_owners: u32,
    local: SocketAddr,
    peer: SocketAddr,
    basis: Rc<Basis>,
    bounds: [Bound; 3],
    late: bool,
    /// Its own settings miss the deadline, but they are not what counts.
    overruled: bool,
    doing: Doing,
    notes: Option<Box<str>>,
}

/// Values that many connections have in common, kept once.
#[derive(Default)]
struct Seen {
    process: Option<(u32, Rc<str>)>,
    place: Option<((u32, u64), Rc<str>)>,
    bases: Vec<Rc<Basis>>,
}

impl Line {
    fn of(judged: &Judged<'_>, seen: &mut Seen) -> Self {
        let Judged {
            connection,
            moment,
            judgement,
            ..
        } = *judged;
        let socket = connection.socket;
        let mut owners = connection.owners();
        let owner = owners.next();
        let pid = owner.map_or(0, |owner| owner.process.pid());
        Self {
            netns: judged.netns.number,
            place: seen.place(pid, judged),
            process: owner.map(|owner| seen.process(owner.process)),
            pid,
            fd: owner.map_or(0, |owner| owner.fd),
            further_owners: u32::try_from(owners.count()).unwrap_or(u32::MAX),
            local: socket.local,
            peer: socket.peer,
            basis: seen.basis(judgement.basis),
            bounds: judgement.bounds(),
            late: judgement.compliance == Compliance::Late,
            overruled: false,
            doing: Doing::of(connection, moment, judgement),
            notes: notes(judgement),
        }
    }

    /// Worst first, then by address; listeners may share one.
    fn order(&self) -> impl Ord + use<> {
        let worst = self.bounds.into_iter().map(Bound::badness).max();
        (
            !self.late,
            *self.basis == Basis::Nobody,
            Reverse(worst.unwrap_or(0)),
            (self.local, self.peer),
            (self.pid, self.fd),
        )
    }

    fn fill(&self, row: &mut Row, audit: &Audit, places: bool, look: Look) {
        match &self.process {
            Some(name) => row.plain(name),
            None => row.cell(style::FAINT, "?"),
        };
        if places {
            row.plain(&self.place);
        }
        match &self.process {
            Some(_) => {
                match self.further_owners {
                    0 => row.plain(self.pid),
                    n => row.plain(format_args!("{}+{n}", self.pid)),
                };
                row.plain(self.fd);
            }
            None => {
                row.plain("").plain("");
            }
        }
        row.plain(self.local)
            .plain(PeerWords(self.peer))
            .plain(self.doing.state);
        let deadline = audit.deadline().filter(|_| !self.overruled);
        for told in self.bounds {
            answer(row, look, deadline, &self.basis, told);
        }
        row.plain(BasisWords(&self.basis));
        row.plain(self.doing);
        row.cell(style::NOTE, self.notes.as_deref().unwrap_or_default());
    }
}

impl Seen {
    /// Connections of one process come in a row more often than not.
    fn process(&mut self, process: &deadpeer_host::Process) -> Rc<str> {
        match &self.process {
            Some((pid, name)) if *pid == process.pid() => Rc::clone(name),
            _ => {
                let name: Rc<str> = sanitize_bytes(process.name()).into();
                self.process = Some((process.pid(), Rc::clone(&name)));
                name
            }
        }
    }

    fn place(&mut self, pid: u32, judged: &Judged<'_>) -> Rc<str> {
        let key = (pid, judged.netns.number);
        if let Some((_, place)) = self
            .place
            .as_ref()
            .filter(|(known, _)| *known == key && pid > 0)
        {
            return Rc::clone(place);
        }
        let (netns, workload) = (Some(judged.netns), judged.workload);
        let place: Rc<str> = PlaceWords { netns, workload }.to_string().into();
        self.place = Some((key, Rc::clone(&place)));
        place
    }

    fn basis(&mut self, basis: Basis) -> Rc<Basis> {
        if let Some(known) = self.bases.iter().rev().find(|known| ***known == basis) {
            return Rc::clone(known);
        }
        let basis = Rc::new(basis);
        self.bases.push(Rc::clone(&basis));
        basis
    }
}

fn write(
    audit: &Audit,
    lines: &[Line],
    places: bool,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let columns = with_places(&COLUMNS, places);
    let mut shown = TextTable::new(&mut *out, look, &columns);
    let mut row = Row::default();
    for line in lines {
        row.clear();
        line.fill(&mut row, audit, places, look);
        shown.row(&row)?;
    }
    shown.finish()?.write_all(b"\n")?;
    Ok(())
}

fn notes(judged: &Judgement) -> Option<Box<str>> {
    if judged.findings.is_empty() {
        return None;
    }
    let codes: Vec<&str> = judged
        .findings
        .iter()
        .map(|finding: &Finding| finding.code())
        .collect();
    Some(codes.join(", ").into())
}
