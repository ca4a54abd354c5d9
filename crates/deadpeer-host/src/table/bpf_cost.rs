//! Whether it pays to ask the kernel by eBPF: its programs take a while to load, and then tell a
//! socket much faster.

use std::fs;

use super::sockstat::{Sockstat, first_number};

/// Whether a look through descriptors would take longer than loading programs, in the calling
/// thread's network namespace.
///
/// Looking for owners reads a link for every open file of the machine, and borrowing a socket takes
/// as long once more. So many of both take as long as the programs do to load: `cargo xtask bench
/// audit` shows both ways below, near and above it.
const LOOKS: u64 = 3_500;

pub(crate) fn bpf_pays() -> bool {
    open_files() + Sockstat::here().unwrap_or_default().in_use > LOOKS
}

/// The open files of the whole machine, about (Documentation/admin-guide/sysctl/fs.rst, file-nr).
fn open_files() -> u64 {
    let text = fs::read_to_string("/proc/sys/fs/file-nr").unwrap_or_default();
    first_number(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_files_are_counted() {
        assert!(open_files() > 0);
    }
}
