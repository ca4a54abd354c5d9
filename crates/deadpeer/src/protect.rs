//! One call for those who have nothing to choose.

use std::fmt;
use std::os::fd::AsFd;
use std::time::Duration;

use deadpeer_core::{Plan, Policy, Refusal};
use deadpeer_sys::sysctl::SysctlError;

use crate::apply::{Applied, Apply as _, ApplyError};

/// What [`protect`] has promised and set.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Protected {
    /// What is promised, in each kind of silence; its `Display` says it in a line.
    pub plan: Plan,
    /// What the kernel holds now.
    pub applied: Applied,
}

/// Why a socket is not protected.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ProtectError {
    /// What the running kernel knows could not be found out. Nothing was changed.
    Kernel(SysctlError),
    /// No options keep the deadline on this kernel; the refusal says which deadline could be kept.
    /// Nothing was changed.
    Refused(Refusal),
    /// The options could not be set.
    Apply(ApplyError),
    /// The socket lacks some of the options, as Multipath TCP does. The others are set, and promise
    /// nothing.
    Incomplete(Applied),
}

/// Sets the options by which a peer that vanishes is noticed within `deadline`, in every state of
/// the connection: the [`Policy`] with its defaults, planned for the running kernel and applied.
///
/// The socket may be of any kind that [`Apply::apply`](crate::Apply::apply) takes; a listener hands
/// the options to the connections that it accepts from then on. A timer that is armed already still
/// runs to its end: a connection that has been retransmitting for minutes is noticed when its next
/// retransmission comes.
///
/// The call reads a dozen sysctls and searches for a plan. To protect many sockets, make the
/// [`Plan`] once and apply it to each. A [`Policy`] has the choices that this call makes for you:
/// slow readers, lost probes, what may be given up.
///
/// ```
/// # use std::net::{TcpListener, TcpStream};
/// # use std::time::Duration;
/// # fn main() -> std::io::Result<()> {
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let socket = TcpStream::connect(listener.local_addr()?)?;
/// # if !deadpeer::running_kernel()?.rto_max_option { return Ok(()); }
/// let protected = deadpeer::protect(&socket, Duration::from_secs(60))?;
/// println!("{}", protected.plan);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// See [`ProtectError`].
pub fn protect(socket: impl AsFd, deadline: Duration) -> Result<Protected, ProtectError> {
    let kernel = deadpeer_sys::running_kernel().map_err(ProtectError::Kernel)?;
    let policy = Policy::detect_within(deadline);
    let plan = policy.plan(&kernel).map_err(ProtectError::Refused)?;
    let applied = plan.apply(socket).map_err(ProtectError::Apply)?;
    if !applied.is_complete() {
        return Err(ProtectError::Incomplete(applied));
    }
    Ok(Protected { plan, applied })
}

impl std::error::Error for ProtectError {}

impl fmt::Display for ProtectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(error) => error.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Apply(error) => error.fmt(f),
            Self::Incomplete(applied) => {
                let lacks = applied.unsupported.iter().map(|lack| lack.setting.name());
                let lacks = lacks.collect::<Vec<_>>().join(", ");
                write!(
                    f,
                    "this socket has no {lacks}; what else was to be set is set, and keeps no deadline by itself"
                )
            }
        }
    }
}
