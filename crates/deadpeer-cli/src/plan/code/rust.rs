//! The options as Rust: with deadpeer, which decides anew on the machine it runs on, or with libc
//! alone.

use std::fmt::Write as _;

use deadpeer_core::{SocketOption, SocketOptions};

use super::counts;

/// A Rust function that leaves the choice of the options to the crate deadpeer; `policy` builds it.
pub(in crate::plan) fn rust(policy: &str, promise: &str) -> String {
    format!(
        "use deadpeer::{{Apply as _, Policy}};
use std::time::Duration;

/// {promise}
///
/// The options are chosen for the kernel it runs on.
pub fn notice_vanished_peer(
    socket: impl std::os::fd::AsFd,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {{
    let kernel = deadpeer::running_kernel()?;
    let plan = {policy}
        .plan(&kernel)?;
    plan.apply(&socket)?;
    Ok(())
}}
"
    )
}

/// A Rust function that sets exactly these options.
pub(in crate::plan) fn libc(options: &SocketOptions, promise: &str) -> String {
    let mut rows = String::new();
    for setting in options.settings() {
        let facts = setting.option.facts();
        let (level, value, counts) = (facts.level, setting.value, counts(setting));
        // libc has no name for it yet.
        let (name, counts) = match setting.option == SocketOption::RtoMax {
            true => (
                facts.number.to_string(),
                format!("{}, {counts}", facts.name),
            ),
            false => (format!("libc::{}", facts.name), counts.to_owned()),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            rows,
            "        (libc::{level}, {name}, {value}), // {counts}"
        );
    }
    format!(
        "/// {promise}
///
/// On an error the options before the refused one are set.
pub fn notice_vanished_peer(socket: impl std::os::fd::AsFd) -> std::io::Result<()> {{
    use std::os::fd::AsRawFd as _;
    let settings: [(libc::c_int, libc::c_int, libc::c_int); {count}] = [
{rows}    ];
    for (level, option, value) in settings {{
        // SAFETY: the pointer and the length describe `value`, which is live for the call.
        let status = unsafe {{
            libc::setsockopt(
                socket.as_fd().as_raw_fd(),
                level,
                option,
                (&raw const value).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        }};
        if status != 0 {{
            return Err(std::io::Error::last_os_error());
        }}
    }}
    Ok(())
}}
",
        count = options.settings().count(),
    )
}
