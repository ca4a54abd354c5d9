//! Readings of TCP_INFO made by hand.

use std::time::Duration;

use deadpeer_core::{Judge, Supervision, TcpInfo, TcpState};

pub(crate) fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn judge() -> Judge {
    Judge::new(Supervision::within(at(10)))
}

/// An established connection that was heard just now.
pub(crate) fn quiet() -> TcpInfo {
    let mut info = TcpInfo::default();
    info.state = Some(TcpState::Established);
    info.bytes_received = Some(100);
    info.bytes_acked = Some(100);
    info.segs_in = Some(10);
    info.data_segs_in = Some(4);
    info.segs_out = Some(12);
    info.data_segs_out = Some(5);
    info.total_retrans = Some(0);
    info.retransmits = Some(0);
    info.probes = Some(0);
    info.snd_wnd = Some(65_535);
    info.notsent_bytes = Some(0);
    info.last_ack_recv_ms = Some(0);
    info.last_data_recv_ms = Some(0);
    info
}

pub(crate) fn later(info: &TcpInfo, change: impl FnOnce(&mut TcpInfo)) -> TcpInfo {
    let mut info = *info;
    change(&mut info);
    info
}

pub(crate) fn count(counter: &mut Option<u32>) {
    *counter = counter.map(|n| n + 1);
}
