//! Every error as an `io::Error`, so that `?` works where sockets are made and used.
//!
//! The kind is kept. So is the errno where nothing but one failed call is to be told; where there
//! is more, the error itself is inside ([`io::Error::get_ref`]).

use std::io;

use crate::{
    AddError, ApplyError, Cause, Death, NewWatchError, NotReusable, ProtectError, Reuse,
    SocketError, WatchError,
};

impl From<ApplyError> for io::Error {
    fn from(error: ApplyError) -> Self {
        let kind = match &error {
            ApplyError::OutOfRange(_) | ApplyError::NotTcp => io::ErrorKind::InvalidInput,
            ApplyError::Read(call)
            | ApplyError::ReadBack(call)
            | ApplyError::Refused { error: call, .. } => call.errno.kind(),
        };
        Self::new(kind, error)
    }
}

impl From<WatchError> for io::Error {
    fn from(error: WatchError) -> Self {
        match error {
            WatchError::NotTcp => not_tcp(error),
            WatchError::Call(call) => call.into(),
            WatchError::Runtime => Self::other(error),
        }
    }
}

impl From<SocketError> for io::Error {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::NotTcp => not_tcp(error),
            SocketError::Call(call) => call.into(),
        }
    }
}

impl From<NewWatchError> for io::Error {
    fn from(error: NewWatchError) -> Self {
        match error {
            NewWatchError::Call(call) => call.into(),
            NewWatchError::Sysctl(sysctl) => sysctl.into(),
        }
    }
}

impl From<AddError> for io::Error {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Watch(watch) => watch.into(),
            AddError::Apply(apply) => apply.into(),
        }
    }
}

impl From<ProtectError> for io::Error {
    fn from(error: ProtectError) -> Self {
        match error {
            ProtectError::Kernel(sysctl) => sysctl.into(),
            ProtectError::Refused(refusal) => refusal.into(),
            ProtectError::Apply(apply) => apply.into(),
            ProtectError::Incomplete(_) => Self::new(io::ErrorKind::Unsupported, error),
        }
    }
}

impl From<NotReusable> for io::Error {
    fn from(error: NotReusable) -> Self {
        let kind = match error.0 {
            Reuse::Dead(death) => kind(death.cause()),
            Reuse::Silent { .. } => io::ErrorKind::TimedOut,
            Reuse::NotConnected => io::ErrorKind::NotConnected,
            Reuse::Heard { .. } | Reuse::Answered { .. } | Reuse::Unknown => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

impl From<Death> for io::Error {
    /// Of the kind that the application's own read would fail with.
    fn from(death: Death) -> Self {
        Self::new(kind(death.cause()), death)
    }
}

fn not_tcp(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

fn kind(cause: Cause) -> io::ErrorKind {
    match cause {
        Cause::PeerClosed => io::ErrorKind::UnexpectedEof,
        Cause::Closed => io::ErrorKind::NotConnected,
        Cause::Reset => io::ErrorKind::ConnectionReset,
        Cause::ResetAfterFin => io::ErrorKind::BrokenPipe,
        Cause::TimedOut => io::ErrorKind::TimedOut,
        Cause::HostUnreachable => io::ErrorKind::HostUnreachable,
        Cause::NetworkUnreachable => io::ErrorKind::NetworkUnreachable,
        Cause::Destroyed => io::ErrorKind::ConnectionAborted,
        Cause::Refused => io::ErrorKind::ConnectionRefused,
        Cause::Prohibited => io::ErrorKind::PermissionDenied,
        Cause::Other(errno) => io::Error::from_raw_os_error(errno).kind(),
        Cause::Unknown | _ => io::ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use deadpeer_core::{Kernel, SocketOptions};
    use deadpeer_sys::{Errno, SysError};

    use super::*;

    const CALL: SysError = SysError {
        call: "epoll_create1",
        errno: Errno::MFILE,
    };

    #[test]
    fn a_failed_call_keeps_its_errno() {
        for error in [
            io::Error::from(WatchError::Call(CALL)),
            SocketError::Call(CALL).into(),
            NewWatchError::Call(CALL).into(),
            AddError::Watch(WatchError::Call(CALL)).into(),
        ] {
            assert_eq!(error.raw_os_error(), Some(Errno::MFILE.raw_os_error()));
        }
    }

    #[test]
    fn what_is_more_than_an_errno_is_inside() {
        let refused = ApplyError::Refused {
            error: SysError {
                call: "setsockopt",
                errno: Errno::PERM,
            },
            left: Vec::new(),
        };
        let error = io::Error::from(AddError::Apply(refused.clone()));
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(error.to_string(), refused.to_string());
        let inside = error.get_ref().and_then(|inside| inside.downcast_ref());
        assert_eq!(inside, Some(&refused));
    }

    #[test]
    fn a_value_that_no_kernel_takes_is_invalid_input() {
        let options = SocketOptions::new().keepcnt(0);
        let error = io::Error::from(options.check().unwrap_err());
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let kernel = Kernel::modern(None).with_sysctl("tcp_retries2", 256);
        let error = io::Error::from(kernel.unwrap_err());
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
