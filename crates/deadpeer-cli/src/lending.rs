//! What verbs that ask lend to their questions: on record, and nobody else changes it, while they
//! ask.

use std::io::Write;

use deadpeer_host::undo::{LoanRecord, Record, boot_id, default_directory};
use deadpeer_host::{Namespace, NetnsLock, Target};
use deadpeer_report::Gap;

use crate::alone::alone;
use crate::exit::Stop;
use crate::output::Output;

/// What is lent, from the first question to the last.
pub(crate) struct Lending<'a> {
    namespace: &'a Namespace,
    /// `None`: there is no place for it, which was said. They can be asked all the same.
    record: Option<LoanRecord>,
    /// Held while questions are put.
    lock: Option<NetnsLock>,
}

impl<'a> Lending<'a> {
    /// Before the first questions. `number`: that of the namespace.
    pub(crate) fn begin(
        namespace: &'a Namespace,
        number: u64,
        targets: &[Target],
        output: Output,
        out: &mut impl Write,
    ) -> Result<Self, Stop> {
        let lock = alone(namespace)?;
        let record = match recorded(number, targets) {
            Ok(record) => Some(record),
            Err(why) => {
                output.gaps(out, [Gap::NotOnRecord { why }])?;
                None
            }
        };
        Ok(Self {
            namespace,
            record,
            lock: Some(lock),
        })
    }

    /// Before more questions.
    pub(crate) fn again(&mut self, output: Output, out: &mut impl Write) -> Result<(), Stop> {
        self.lock = Some(alone(self.namespace)?);
        if let Some(Err(error)) = self.record.as_mut().map(LoanRecord::refresh) {
            let why = error.to_string();
            output.gaps(out, [Gap::NotOnRecord { why }])?;
        }
        Ok(())
    }

    /// After the last of some questions: others may have their turn.
    pub(crate) fn rest(&mut self) {
        if let Some(record) = &mut self.record {
            record.settle();
        }
        self.lock = None;
    }

    /// After the last of all.
    pub(crate) fn end(self, output: Output, out: &mut impl Write) -> Result<(), Stop> {
        let left = self.record.and_then(LoanRecord::end);
        let gap = left.map(|file| Gap::NotGivenBack {
            file: file.display().to_string(),
        });
        output.gaps(out, gap)
    }
}

fn recorded(namespace: u64, targets: &[Target]) -> Result<LoanRecord, String> {
    let boot = boot_id().map_err(|error| format!("read boot_id: {error}"))?;
    let record = Record::new(boot, namespace, None);
    LoanRecord::on_record(&default_directory(), record, targets).map_err(|error| error.to_string())
}
