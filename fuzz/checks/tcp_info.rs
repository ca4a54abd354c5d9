//! What must hold for any TCP_INFO. The fuzzer calls it, and so does the test that replays the
//! corpus.

use deadpeer_core::tcp_info::{LAYOUTS, MAX_SIZE, TcpInfoView};
use deadpeer_core::{KernelVersion, TcpInfo, TcpState};

/// The first two bytes choose the kernel, the rest is its TCP_INFO.
pub(crate) fn check(input: &[u8]) {
    let [major, minor, bytes @ ..] = input else {
        return;
    };
    // Major 0 stands for an unknown kernel.
    let kernel = (*major > 0).then(|| KernelVersion::new((*major).into(), (*minor).into()));
    let info = TcpInfo::decode(bytes, kernel);

    let known = &bytes[..bytes.len().min(MAX_SIZE)];
    assert_eq!(
        info,
        TcpInfo::decode(known, kernel),
        "unknown bytes change nothing"
    );

    let listener = info.state == Some(TcpState::Listen);
    assert!(!(info.unacked.is_some() && info.accept_queue.is_some()));
    assert_eq!(info.accept_queue.is_some(), listener && bytes.len() >= 28);
    assert_eq!(info.retransmits.is_some(), !listener && bytes.len() >= 3);
    assert!(info.fackets.is_none() || kernel < Some(KernelVersion::new(4, 15)));
    assert!(info.ecn_mode.is_none() || kernel >= Some(KernelVersion::new(7, 0)));
    assert!(info.accecn_fail_mode.is_none() || kernel >= Some(KernelVersion::new(6, 18)));

    for &(size, _) in LAYOUTS.iter().filter(|(size, _)| *size <= bytes.len()) {
        prefix_agrees(&info, &bytes[..size], kernel);
    }
}

/// What a shorter answer holds, the longer one holds too, unless something behind it decides.
fn prefix_agrees(whole: &TcpInfo, prefix: &[u8], kernel: Option<KernelVersion>) {
    let part = TcpInfo::decode(prefix, kernel);
    assert_eq!(part.state, whole.state);
    assert_eq!(part.rto_us, whole.rto_us);
    assert_eq!(part.rtt_us, whole.rtt_us);
    assert_eq!(part.last_ack_recv_ms, whole.last_ack_recv_ms);
    assert_eq!(part.total_retrans, whole.total_retrans);
    let view = TcpInfoView::new(prefix);
    assert!(view.bytes_acked().is_some() || part.bytes_acked.is_none());
    assert!(view.snd_wnd().is_some() || part.snd_wnd.is_none());
    assert!(part.snd_wnd.is_none() || part.snd_wnd == whole.snd_wnd);
    assert!(part.total_rto.is_none() || part.total_rto == whole.total_rto);
}
