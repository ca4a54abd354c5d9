//! Why a call failed.

use std::ffi::{c_char, c_int};
use std::fmt::Display;

/// The size of a message, the final zero included.
const TEXT: usize = 240;

/// Why a call failed.
#[repr(C)]
pub struct Error {
    /// The errno of the system call that failed; 0 if none did.
    pub code: c_int,
    /// A sentence for a person, ended by a zero.
    pub text: [c_char; 240],
}

/// A failure on its way to the caller.
pub(crate) struct Failure {
    code: c_int,
    text: String,
}

impl Failure {
    pub(crate) fn new(code: Option<rust::Errno>, error: &impl Display) -> Self {
        Self {
            code: code.map_or(0, rust::Errno::raw_os_error),
            text: error.to_string(),
        }
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

impl From<rust::PingError> for Failure {
    fn from(error: rust::PingError) -> Self {
        let code = match error {
            rust::PingError::Call(error) => Some(error.errno),
            rust::PingError::NotTcp | _ => None,
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
        error.text = [0; TEXT];
        let bytes = failure.text.bytes().take(TEXT - 1);
        for (to, from) in error.text.iter_mut().zip(bytes) {
            *to = c_char::from_ne_bytes([from]);
        }
    }
    -1
}
