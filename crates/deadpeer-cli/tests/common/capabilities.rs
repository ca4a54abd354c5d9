//! Runs of the command with some of root's rights, or with none.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use super::{Ran, ran};

/// Runs the command as root with these capabilities and no others: `sys_ptrace,net_admin`, or
/// empty.
pub(crate) fn with_capabilities(capabilities: &str, args: &[&str]) -> Ran {
    ran(only_with(capabilities, args).output())
}

/// What it takes to look into the processes of other users.
pub(crate) fn tracing() -> &'static str {
    let shows_inodes = deadpeer_core::KernelVersion::new(5, 14);
    match deadpeer_sys::kernel_version().is_none_or(|running| running >= shows_inodes) {
        true => "sys_ptrace",
        false => "sys_ptrace,dac_read_search",
    }
}

/// The command, to be run like that.
pub(crate) fn only_with(
    capabilities: &str,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    let mut set = "-all".to_owned();
    for capability in capabilities.split(',').filter(|name| !name.is_empty()) {
        set += ",+";
        set += capability;
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--inh-caps=-all", "--ambient-caps=-all"])
        .arg(format!("--bounding-set={set}"))
        .arg(env!("CARGO_BIN_EXE_deadpeer"))
        .args(args)
        .stdin(std::process::Stdio::null());
    command
}

/// Whether root's rights can be given away here, one by one.
pub(crate) fn can_drop_capabilities() -> bool {
    if !rustix::process::geteuid().is_root() {
        deadpeer_sys::testing::skip("giving rights away takes root");
        return false;
    }
    let tried = Command::new("setpriv")
        .args(["--bounding-set=-all,+bpf,+perfmon", "true"])
        .current_dir(Path::new("/"))
        .output();
    match tried {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            deadpeer_sys::testing::skip(&String::from_utf8_lossy(&output.stderr));
            false
        }
        Err(error) => {
            deadpeer_sys::testing::skip(&format!("setpriv: {error}"));
            false
        }
    }
}
