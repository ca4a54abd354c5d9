//! What verbs that ask lend to their questions: on record, and nobody else changes it, while they
//! ask.

use std::collections::BTreeMap;
use std::io::Write;

use deadpeer_host::undo::{LoanRecord, Record, boot_id, default_directory};
use deadpeer_host::{Namespace, NetnsLock, Target};
use deadpeer_report::Gap;

use crate::alone::alone;
use crate::exit::Stop;
use crate::output::Output;

/// What is lent, from the first question to the last.
pub(crate) struct Lending {
    /// By the number of the namespace, so that any two of us wait for each other in one order.
    loans: BTreeMap<Option<u64>, Loan>,
}

/// What is lent in one namespace.
struct Loan {
    namespace: Namespace,
    /// `None`: there is no place for it, which was said. They can be asked all the same.
    record: Option<LoanRecord>,
    /// Held while questions are put.
    lock: Option<NetnsLock>,
}

impl Lending {
    /// Before the first questions.
    pub(crate) fn begin(
        targets: &[Target],
        output: Output,
        out: &mut impl Write,
    ) -> Result<Self, Stop> {
        let mut loans = BTreeMap::new();
        let mut failed = None;
        for (number, targets) in Target::by_netns(targets) {
            let Some(first) = targets.first() else {
                continue;
            };
            let namespace = first.namespace().clone();
            let lock = Some(alone(&namespace)?);
            let record = match recorded(number, targets) {
                Ok(record) => Some(record),
                Err(why) => {
                    failed = Some(why);
                    None
                }
            };
            let loan = Loan {
                namespace,
                record,
                lock,
            };
            loans.insert(number, loan);
        }
        output.gaps(out, failed.map(|why| Gap::NotOnRecord { why }))?;
        Ok(Self { loans })
    }

    /// Before more questions.
    pub(crate) fn again(&mut self, output: Output, out: &mut impl Write) -> Result<(), Stop> {
        for loan in self.loans.values_mut() {
            loan.lock = Some(alone(&loan.namespace)?);
            if let Some(Err(error)) = loan.record.as_mut().map(LoanRecord::refresh) {
                let why = error.to_string();
                output.gaps(out, [Gap::NotOnRecord { why }])?;
            }
        }
        Ok(())
    }

    /// After the last of some questions: others may have their turn.
    pub(crate) fn rest(&mut self) {
        for loan in self.loans.values_mut() {
            if let Some(record) = &mut loan.record {
                record.settle();
            }
            loan.lock = None;
        }
    }

    /// After the last of all.
    pub(crate) fn end(self, output: Output, out: &mut impl Write) -> Result<(), Stop> {
        let records = self.loans.into_values().filter_map(|loan| loan.record);
        let gaps = records
            .filter_map(LoanRecord::end)
            .map(|file| Gap::NotGivenBack {
                file: file.display().to_string(),
            });
        output.gaps(out, gaps.collect::<Vec<_>>())
    }
}

fn recorded(namespace: Option<u64>, targets: Vec<&Target>) -> Result<LoanRecord, String> {
    let namespace = namespace.ok_or("their network namespace is not known")?;
    let boot = boot_id().map_err(|error| format!("read boot_id: {error}"))?;
    let record = Record::new(boot, namespace, None);
    LoanRecord::on_record(&default_directory(), record, targets).map_err(|error| error.to_string())
}
