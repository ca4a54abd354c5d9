//! Why a call failed.

use std::ffi::{c_char, c_int};
use std::fmt::Display;
use std::time::Duration;

/// The size of a message, the final zero included.
const TEXT: usize = 512;

/// Why a call failed.
#[repr(C)]
pub struct Error {
    /// The errno of the system call that failed; 0 if none did.
    pub code: c_int,
    /// A sentence for a person, ended by a zero.
    pub text: [c_char; 512],
    /// Of a deadline that cannot be kept: the nearest one that can, milliseconds. 0 if there is
    /// none, and for other failures.
    pub nearest_ms: u64,
}

/// A failure on its way to the caller.
pub(crate) struct Failure {
    code: c_int,
    text: String,
    nearest: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(code: Option<rust::Errno>, error: &impl Display) -> Self {
        Self {
            code: code.map_or(0, rust::Errno::raw_os_error),
            text: error.to_string(),
            nearest: None,
        }
    }
}

impl Failure {
    /// A deadline that nobody can keep.
    pub(crate) fn deadline(within: Duration, nearest: Duration) -> Self {
        let text = format!(
            "{} s cannot be kept; the nearest deadline that can is {} s",
            within.as_secs_f64(),
            nearest.as_secs()
        );
        Self {
            code: 0,
            text,
            nearest: Some(nearest),
        }
    }
}

impl From<rust::Refusal> for Failure {
    fn from(refusal: rust::Refusal) -> Self {
        Self {
            nearest: refusal.nearest,
            ..Self::new(None, &refusal)
        }
    }
}

impl From<rust::ApplyError> for Failure {
    fn from(error: rust::ApplyError) -> Self {
        let code = match &error {
            rust::ApplyError::Read(call)
            | rust::ApplyError::ReadBack(call)
            | rust::ApplyError::Refused { error: call, .. } => Some(call.errno),
            rust::ApplyError::OutOfRange(_) | rust::ApplyError::NotTcp | _ => None,
        };
        Self::new(code, &error)
    }
}

impl From<rust::WatchError> for Failure {
    fn from(error: rust::WatchError) -> Self {
        let code = match error {
            rust::WatchError::Call(error) => Some(error.errno),
            rust::WatchError::NotTcp | rust::WatchError::Runtime | _ => None,
        };
        Self::new(code, &error)
    }
}

impl From<rust::SocketError> for Failure {
    fn from(error: rust::SocketError) -> Self {
        let code = match error {
            rust::SocketError::Call(error) => Some(error.errno),
            rust::SocketError::NotTcp | _ => None,
        };
        Self::new(code, &error)
    }
}

/// Gives the number of a success, or -1 and fills `error` unless it is null.
///
/// # Safety
/// `error` is null or points to an `Error` that nobody else uses now.
pub(crate) unsafe fn answer(result: Result<c_int, Failure>, error: *mut Error) -> c_int {
    let failure = match result {
        Ok(number) => return number,
        Err(failure) => failure,
    };
    // SAFETY: null or valid, says the caller.
    if let Some(error) = unsafe { error.as_mut() } {
        error.code = failure.code;
        error.nearest_ms = failure.nearest.map_or(0, whole_ms);
        error.text = [0; TEXT];
        let bytes = failure.text.bytes().take(TEXT - 1);
        for (to, from) in error.text.iter_mut().zip(bytes) {
            *to = c_char::from_ne_bytes([from]);
        }
    }
    -1
}

/// Rounded up, so that what is told can be kept.
fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}
