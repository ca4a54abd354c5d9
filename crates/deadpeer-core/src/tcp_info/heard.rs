//! When the peer was last heard.

use std::time::Duration;

use super::TcpInfo;

/// How long ago anything was heard of a peer, as the kernel's keepalive counts it: the younger of
/// the ages of the last data and the last acknowledgement (include/net/tcp.h,
/// `keepalive_time_elapsed`).
#[must_use]
pub fn last_heard(received: Option<Duration>, acknowledged: Option<Duration>) -> Option<Duration> {
    received.into_iter().chain(acknowledged).min()
}

impl TcpInfo {
    /// How long ago anything was heard of the peer: see [`last_heard`]. `None` before the handshake
    /// is done.
    #[must_use]
    #[doc(alias = "tcpi_last_ack_recv")]
    #[doc(alias = "tcpi_last_data_recv")]
    pub fn heard_ago(&self) -> Option<Duration> {
        let age = |ms: Option<u32>| ms.map(|ms| Duration::from_millis(ms.into()));
        last_heard(age(self.last_data_recv_ms), age(self.last_ack_recv_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_younger_age_counts_and_one_is_enough() {
        let heard = |data, ack| {
            let mut info = TcpInfo::default();
            (info.last_data_recv_ms, info.last_ack_recv_ms) = (data, ack);
            info.heard_ago().map(|ago| ago.as_millis())
        };
        assert_eq!(heard(Some(7), Some(5)), Some(5));
        assert_eq!(heard(Some(5), Some(7)), Some(5));
        assert_eq!(heard(Some(7), None), Some(7));
        assert_eq!(heard(None, Some(0)), Some(0));
        assert_eq!(heard(None, None), None);
    }
}
