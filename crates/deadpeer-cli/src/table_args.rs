//! The flags that verbs end with which read the table of sockets and may use eBPF for it.

use clap::Args;
use deadpeer_host::{BpfError, Table, Tables};
use deadpeer_report::sanitize::sanitize;

use crate::filter_args::FilterArgs;
use crate::flags::MeansArgs;
use crate::output::OutputArgs;

/// By which means, how the answer is printed, and which connections.
#[derive(Debug, Args)]
pub(crate) struct TableArgs {
    #[command(flatten)]
    pub(crate) means: MeansArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
}

/// The same for the tables of several namespaces.
pub(crate) fn use_bpf_everywhere(may: bool, tables: &mut Tables) -> Option<String> {
    said(may, || tables.use_bpf())
}

/// Uses eBPF where it may be used and can be had, and says why if it can't.
pub(crate) fn use_bpf(may: bool, table: &mut Table) -> Option<String> {
    said(may, || table.use_bpf())
}

fn said(may: bool, used: impl FnOnce() -> Result<(), BpfError>) -> Option<String> {
    if !may {
        return Some("--no-bpf".to_owned());
    }
    let error = used().err()?;
    Some(sanitize(&error.to_string()).into_owned())
}
