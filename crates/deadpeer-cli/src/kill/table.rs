//! Which connections would go, and why or why not.

use std::io::Write;

use deadpeer_host::kill::Decision;
use deadpeer_host::{Coverage, Reply, Target};
use deadpeer_report::Gap;
use deadpeer_report::duration::Lower;
use deadpeer_report::sanitize::sanitize_bytes;

use crate::audit::cells::PLACE;
use crate::audit::words::PlaceWords;
use crate::exit::Stop;
use crate::gaps::{self, Missing};
use crate::output::{Output, line};
use crate::text::style;
use crate::text::table::{Column, Table};

const COLUMNS: [Column; 8] = [
    Column::program("PROCESS"),
    PLACE,
    Column::number("PID").fold(4),
    Column::address("LOCAL").fold(1),
    Column::address("PEER"),
    Column::text("STATE").fold(5),
    Column::number("SILENT FOR"),
    Column::text("VERDICT").fold(2),
];

/// Shows every connection with its decision.
pub(super) fn show(
    targets: &[Target],
    decisions: &[Decision],
    output: Output,
    out: &mut impl Write,
) -> Result<(), Stop> {
    let mut all = targets.iter().zip(decisions);
    let look = match output {
        Output::Text(look) => look,
        Output::Json => {
            return all.try_for_each(|(target, decision)| line(out, &decision.to_record(target)));
        }
    };
    let places = targets
        .iter()
        .any(|target| PlaceWords::of(target).is_elsewhere());
    let mut table = Table::new(&mut *out, look, &COLUMNS);
    for (target, decision) in all {
        let holder = target.owners.first();
        let style = match decision.destroys() {
            true => style::BAD,
            false => style::PLAIN,
        };
        table.row(|row| {
            row.known(holder.map(|holder| sanitize_bytes(&holder.process)))
                .maybe(places.then(|| PlaceWords::of(target)))
                .maybe(holder.map(|holder| holder.pid))
                .plain(target.id.local)
                .plain(target.id.peer)
                .plain(target.state)
                .known(target.heard_ago.map(Lower))
                .cell(style, decision);
        })?;
    }
    table.finish()?.write_all(b"\n")?;
    Ok(())
}

/// What could not be asked, and what to do about it.
pub(super) fn unasked(targets: &[Target], decisions: &[Decision], coverage: &Coverage) -> Vec<Gap> {
    let mut missing = Missing::new();
    for (target, decision) in targets.iter().zip(decisions) {
        if let Decision::Unknown(Reply::Unreachable(why)) = decision {
            *missing.entry((*why, target.uid)).or_default() += 1;
        }
    }
    gaps::all(&missing, Gap::NotAsked, coverage)
}
