//! What verbs that ask lend to their questions, on record while they ask.

use std::io::Write;

use deadpeer_host::Target;
use deadpeer_host::undo::{LoanRecord, Record, boot_id, default_directory};
use deadpeer_report::Gap;

use crate::exit::Stop;
use crate::output::Output;

/// Keeps on record what asking the targets borrows, for as long as this is kept. Where there is no
/// place for it, that is said, and they can be asked all the same.
pub(crate) fn on_record(
    namespace: u64,
    targets: &[Target],
    output: Output,
    out: &mut impl Write,
) -> Result<Option<LoanRecord>, Stop> {
    let why = match recorded(namespace, targets) {
        Ok(lent) => return Ok(Some(lent)),
        Err(why) => why,
    };
    output.gaps(out, [Gap::NotOnRecord { why }])?;
    Ok(None)
}

fn recorded(namespace: u64, targets: &[Target]) -> Result<LoanRecord, String> {
    let boot = boot_id().map_err(|error| format!("read boot_id: {error}"))?;
    let record = Record::new(boot, namespace, None);
    LoanRecord::on_record(&default_directory(), record, targets).map_err(|error| error.to_string())
}
