//! The payload of a hello.

use std::time::Duration;

use super::{FrameError, MAGIC, VERSION};
use crate::heartbeat::Hello;

/// Magic, version, a byte of flags (0, ignored), the interval and the floor.
pub(super) const LEN: usize = 14;

pub(super) fn payload(hello: Hello) -> [u8; LEN] {
    let mut payload = [0; LEN];
    payload[..4].copy_from_slice(&MAGIC);
    payload[4] = VERSION;
    // 0 is "I only answer".
    let every = hello.every.map_or(0, |every| millis(every).max(1));
    payload[6..10].copy_from_slice(&every.to_be_bytes());
    payload[10..].copy_from_slice(&millis(hello.floor).to_be_bytes());
    payload
}

pub(super) fn parse(payload: &[u8]) -> Result<Hello, FrameError> {
    let [
        m0,
        m1,
        m2,
        m3,
        version,
        _flags,
        e0,
        e1,
        e2,
        e3,
        f0,
        f1,
        f2,
        f3,
        ..,
    ] = *payload
    else {
        return Err(FrameError::NotHeartbeat);
    };
    if [m0, m1, m2, m3] != MAGIC {
        return Err(FrameError::NotHeartbeat);
    }
    if version != VERSION {
        return Err(FrameError::WrongVersion { theirs: version });
    }
    let millis = |bytes| Duration::from_millis(u32::from_be_bytes(bytes).into());
    let every = Some(millis([e0, e1, e2, e3])).filter(|every| !every.is_zero());
    Ok(Hello {
        every,
        floor: millis([f0, f1, f2, f3]),
    })
}

/// Rounded up: slower than asked for is allowed, faster isn't.
fn millis(duration: Duration) -> u32 {
    let ms = duration.as_nanos().div_ceil(1_000_000);
    u32::try_from(ms).unwrap_or(u32::MAX)
}
