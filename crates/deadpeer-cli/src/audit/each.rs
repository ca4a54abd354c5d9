//! The audit connection by connection.
//!
//! Rows are kept small until all are read, so that the worst can come first; JSON lines go out as
//! they are read.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::rc::Rc;

use deadpeer_core::{Finding, TcpState};
use deadpeer_host::audit::{Audit, Audited, Basis, Bound, Compliance, Judgement, Machine};
use deadpeer_host::{Query, Tables};
use deadpeer_report::sanitize::sanitize_bytes;
use rustc_hash::{FxHashMap, FxHashSet};

use super::cells::{PLACE, answer};
use super::doing::Doing;
use super::words::{BasisWords, PeerWords, PlaceWords};
use crate::exit::Stop;
use crate::output::{Output, line};
use crate::text::look::Look;
use crate::text::style;
use crate::text::table::{Column, Row, Table as TextTable};

const COLUMNS: [Column; 13] = [
    Column::program("PROCESS"),
    PLACE,
    Column::number("PID").fold(5),
    Column::number("FD").fold(7),
    Column::address("LOCAL").fold(2),
    Column::address("PEER").fold(1),
    Column::text("STATE").fold(6),
    Column::number("IDLE"),
    Column::number("IN FLIGHT"),
    Column::number("LATE WRITE"),
    Column::text("SETTINGS IN FORCE").fold(3),
    Column::text("DOING NOW").fold(4),
    Column::text("NOTES").fold(3),
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
    let machine = audit.each(tables, query, |judged| {
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
    let machine = machine?;
    if let Output::Text(look) = output
        && !lines.is_empty()
    {
        take_marks(&machine, &mut lines);
        write(audit, worst_first(&lines), machine.has_places(), look, out)?;
    }
    Ok(machine)
}

/// Takes the mark from listeners that are overruled.
fn take_marks(machine: &Machine, lines: &mut [Line]) {
    let overruled: HashSet<(u64, SocketAddr)> = machine.overruled().collect();
    for line in lines {
        if line.doing.state == TcpState::Listen && overruled.contains(&(line.netns, line.local)) {
            line.overruled = true;
        }
    }
}

fn write_json(judged: &Audited<'_>, out: &mut impl Write) -> Result<(), Stop> {
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
    kind: Rc<Kind>,
    /// Its own settings miss the deadline, but they are not what counts.
    overruled: bool,
    doing: Doing,
}

/// What a connection has in common with many others.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Kind {
    basis: Basis,
    bounds: [Bound; 3],
    late: bool,
    /// The codes of what was found.
    notes: Vec<&'static str>,
}

/// Values that many connections have in common, kept once.
#[derive(Default)]
struct Seen {
    processes: FxHashMap<u32, Rc<str>>,
    places: FxHashMap<(u32, u64), Rc<str>>,
    kinds: FxHashSet<Rc<Kind>>,
    /// Room for those of a kind that is looked for.
    notes: Vec<&'static str>,
}

impl Line {
    fn of(judged: &Audited<'_>, seen: &mut Seen) -> Self {
        let Audited {
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
            kind: seen.kind(judgement),
            overruled: false,
            doing: Doing::of(connection, moment, judgement),
        }
    }

    /// Worst first.
    fn rank(&self) -> (bool, bool, Reverse<u64>) {
        let kind = &self.kind;
        let worst = kind.bounds.into_iter().map(Bound::badness).max();
        (
            !kind.late || self.overruled,
            kind.basis == Basis::Nobody,
            Reverse(worst.unwrap_or(0)),
        )
    }

    /// Among what is as bad: by address; listeners may share one.
    fn order(&self) -> impl Ord + use<> {
        ((self.local, self.peer), (self.pid, self.fd))
    }

    fn fill(&self, row: &mut Row, audit: &Audit, places: bool, look: Look) {
        row.known(self.process.as_ref());
        row.plain(if places { &self.place } else { "" });
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
        let kind = &self.kind;
        for told in kind.bounds {
            answer(row, look, deadline, &kind.basis, told);
        }
        row.plain(BasisWords(&kind.basis));
        row.plain(&self.doing);
        match self.overruled {
            true => row.cell(style::NOTE, "connections have settings of their own"),
            false => row.cell(style::NOTE, Listed(&kind.notes)),
        };
    }
}

/// The lines in the order in which they are shown.
///
/// Sorted by small numbers: lines are many, and large to move or to look at.
fn worst_first(lines: &[Line]) -> impl Iterator<Item = &Line> {
    let key = |line: &Line| (line.rank(), leading(line.local), leading(line.peer));
    let mut order: Vec<_> = lines.iter().map(|line| (key(line), line)).collect();
    order.sort_unstable_by(|(a, one), (b, other)| {
        a.cmp(b).then_with(|| one.order().cmp(&other.order()))
    });
    order.into_iter().map(|(_, line)| line)
}

/// A number that orders addresses as they are ordered, as far as it goes: all of IPv4, the network
/// of IPv6.
fn leading(address: SocketAddr) -> u64 {
    match address {
        SocketAddr::V4(v4) => (u64::from(v4.ip().to_bits()) << 16) | u64::from(v4.port()),
        SocketAddr::V6(v6) => (1 << 63) | (v6.ip().to_bits() >> 65) as u64,
    }
}

/// Words with commas between.
struct Listed<'a>(&'a [&'static str]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, word) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{word}")?;
        }
        Ok(())
    }
}

impl Seen {
    fn process(&mut self, process: &deadpeer_host::Process) -> Rc<str> {
        let name = || sanitize_bytes(process.name()).into();
        Rc::clone(self.processes.entry(process.pid()).or_insert_with(name))
    }

    /// Where a process runs; who is seen in none, alone.
    fn place(&mut self, pid: u32, judged: &Audited<'_>) -> Rc<str> {
        let (netns, workload) = (Some(judged.netns), judged.workload);
        let words = || PlaceWords { netns, workload }.to_string().into();
        match pid {
            0 => words(),
            _ => {
                let key = (pid, judged.netns.number);
                Rc::clone(self.places.entry(key).or_insert_with(words))
            }
        }
    }

    fn kind(&mut self, judged: &Judgement) -> Rc<Kind> {
        let code = |finding: &Finding| finding.code();
        let mut notes = std::mem::take(&mut self.notes);
        notes.clear();
        notes.extend(judged.findings.iter().map(code));
        let kind = Kind {
            basis: judged.basis,
            bounds: judged.bounds(),
            late: judged.compliance == Compliance::Late,
            notes,
        };
        let known = match self.kinds.get(&kind) {
            Some(known) => Rc::clone(known),
            None => {
                let new = Rc::new(kind.clone());
                self.kinds.insert(Rc::clone(&new));
                new
            }
        };
        self.notes = kind.notes;
        known
    }
}

fn write<'l>(
    audit: &Audit,
    lines: impl Iterator<Item = &'l Line>,
    places: bool,
    look: Look,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let mut shown = TextTable::new(&mut *out, look, &COLUMNS);
    for line in lines {
        shown.row(|row| line.fill(row, audit, places, look))?;
    }
    shown.finish()?.write_all(b"\n")?;
    Ok(())
}
