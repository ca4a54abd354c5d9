//! What can go wrong with a table.

use std::io;

use deadpeer_sys::SysError;
use deadpeer_sys::netns::NetnsError;
use deadpeer_sys::sock_diag::DumpError;
use deadpeer_sys::sysctl::SysctlError;

use super::bpf::BpfError;

/// The table could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenTableError {
    /// The namespace could not be opened or entered.
    #[error(transparent)]
    Namespace(#[from] NetnsError),
    /// The kernel's table could not be opened.
    #[error(transparent)]
    SockDiag(#[from] SysError),
    /// The namespace's sysctls could not be read.
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
    /// The namespace's port range could not be read.
    #[error("read ip_local_port_range: {0}")]
    Ports(io::Error),
}

/// The table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadTableError {
    /// The kernel's table could not be dumped.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The owners could not be looked for.
    #[error("read /proc: {0}")]
    Proc(io::Error),
    /// The options could not be read from within the kernel.
    #[error(transparent)]
    BpfDetails(#[from] BpfError),
}
