//! TCP_INFO of Linux 6.18 in every scene, against numbers that came from elsewhere.

use deadpeer_core::tcp_info::{CaState, FastopenFail, LAYOUTS, MAX_SIZE, TcpInfoView};
use deadpeer_core::{Cause, KernelVersion, TcpInfo, TcpState};

use crate::raw::raw_numbers;
use crate::recording::{Recording, V6_18};

/// Every field of the checked view reads what Python's struct module reads.
#[test]
fn the_view_reads_every_number_of_every_recording() {
    for recording in Recording::all() {
        let view = TcpInfoView::new(&recording.bytes);
        for (name, _, _, value) in raw_numbers(view) {
            assert_eq!(
                value,
                recording.number(name),
                "{name} of {} of {}",
                recording.name,
                recording.kernel
            );
        }
        let wscales = recording.number("wscales").expect("recorded");
        assert_eq!(view.snd_wscale().map(u64::from), Some(wscales & 15));
        assert_eq!(view.rcv_wscale().map(u64::from), Some(wscales >> 4));
        let flags = recording.number("flags").expect("recorded");
        assert_eq!(
            view.delivery_rate_app_limited().map(u64::from),
            Some(flags & 1)
        );
        assert_eq!(
            view.fastopen_client_fail().map(u64::from),
            Some(flags >> 1 & 3)
        );
    }
}

#[test]
fn an_idle_connection() {
    let info = Recording::load("established_idle").decode();
    assert_eq!(info.state, Some(TcpState::Established));
    assert_eq!(info.ca_state, Some(CaState::Open));
    assert_eq!((info.retransmits, info.probes), (Some(0), Some(0)));
    assert_eq!(info.bytes_sent, Some(1000));
    assert_eq!(info.bytes_acked, Some(1001), "the SYN counts one");
    assert_eq!(info.bytes_received, Some(500));
    assert_eq!(info.unacked, Some(0));
    assert_eq!(info.notsent_bytes, Some(0));
    assert_eq!((info.snd_wscale, info.rcv_wscale), (Some(10), Some(10)));
    let options = info.options.expect("the handshake is done");
    assert!(options.timestamps() && options.sack() && options.wscale());
    assert!(!options.ecn() && !options.syn_data() && !options.tfo_child());
    assert!(info.last_ack_recv_ms >= Some(300) && info.last_ack_recv_ms < Some(20_000));
    assert_eq!(info.rto_us, Some(204_000));
    assert!(info.rtt_us.is_some_and(|us| us < 10_000));
    assert_eq!(info.snd_ssthresh, None, "no loss yet");
    assert_eq!(info.max_pacing_rate, None, "nobody set one");
    assert_eq!(info.rcv_rtt_us, None, "not measured");
    assert_eq!(info.fastopen_client_fail, Some(FastopenFail::Unspecified));
    assert_eq!(info.accept_queue, None, "no listener");
}

#[test]
fn the_accepting_end() {
    let info = Recording::load("accepted").decode();
    assert_eq!(info.state, Some(TcpState::Established));
    assert_eq!(
        info.bytes_acked,
        Some(500),
        "the SYN of this end doesn't count"
    );
    assert_eq!(info.bytes_received, Some(1000));
    assert_eq!((info.data_segs_in, info.data_segs_out), (Some(1), Some(1)));
}

#[test]
fn data_in_flight_to_a_vanished_peer() {
    let info = Recording::load("in_flight").decode();
    assert_eq!(info.ca_state, Some(CaState::Loss));
    assert_eq!(info.retransmits, Some(3));
    assert_eq!(info.backoff, Some(3));
    assert_eq!(info.rto_us, Some(204_000 << 3), "backoff included");
    assert_eq!(info.unacked, Some(1));
    assert_eq!(info.bytes_acked, Some(1001), "nothing of the last 100");
    assert_eq!(
        info.total_retrans,
        Some(4),
        "three timeouts and a tail-loss probe"
    );
    assert_eq!(info.bytes_retrans, Some(400));
    assert_eq!(info.bytes_sent, Some(1000 + 100 + 400));
    assert_eq!(info.total_rto, Some(3));
    assert_eq!(info.total_rto_recoveries, Some(1));
    assert!(
        info.total_rto_time_ms
            .is_some_and(|ms| (600..20_000).contains(&ms))
    );
}

#[test]
fn the_peer_came_back() {
    let info = Recording::load("recovered").decode();
    assert_eq!(info.ca_state, Some(CaState::Open));
    assert_eq!((info.retransmits, info.backoff), (Some(0), Some(0)));
    assert_eq!(info.unacked, Some(0));
    assert_eq!(info.bytes_acked, Some(1101));
    assert!(info.total_rto >= Some(2), "the counters stay");
}

#[test]
fn zero_windows_of_the_living_and_the_dead() {
    let alive = Recording::load("zero_window_alive");
    let dead = Recording::load("zero_window_dead");
    for recording in [&alive, &dead] {
        let info = recording.decode();
        assert_eq!(info.snd_wnd, Some(0));
        assert_eq!(info.unacked, Some(0));
        let acked = info.bytes_acked.expect("4.1 has it") - 1;
        let notsent = u64::from(info.notsent_bytes.expect("4.6 has it"));
        assert_eq!(Some(acked + notsent), recording.known("queued"));
        assert!(info.rwnd_limited_us > Some(0));
    }
    assert_eq!(alive.decode().probes, Some(0), "each answer takes it back");
    assert!(alive.decode().backoff >= Some(2), "and not the backoff");
    assert_eq!(dead.decode().probes, Some(2));
}

#[test]
fn keepalive_probes_without_an_answer() {
    for recording in Recording::on_each("keepalive_probes") {
        let (info, kernel) = (recording.decode(), recording.kernel);
        assert_eq!(info.state, Some(TcpState::Established), "{kernel}");
        assert_eq!(info.probes, Some(3), "{kernel}");
        assert_eq!((info.retransmits, info.unacked), (Some(0), Some(0)));
        assert!(
            info.last_ack_recv_ms
                .is_some_and(|ms| (3000..20_000).contains(&ms)),
            "{kernel}"
        );
    }
}

#[test]
fn a_listener_reports_its_queue_and_little_else() {
    let recording = Recording::load("listening");
    let info = recording.decode();
    assert_eq!(
        info.accept_queue.map(u64::from),
        recording.known("accept_queue")
    );
    assert_eq!(
        info.accept_queue_max.map(u64::from),
        recording.known("accept_queue_max")
    );
    let mut expected = TcpInfo::default();
    expected.state = Some(TcpState::Listen);
    expected.accept_queue = Some(2);
    expected.accept_queue_max = Some(7);
    expected.snd_cwnd = Some(10);
    expected.reordering = Some(3);
    assert_eq!(info, expected);
}

/// Before the handshake the kernel's ages count from the boot and the window is 0: neither is true.
#[test]
fn nothing_is_invented_before_the_handshake() {
    for (name, state) in [
        ("fresh", TcpState::Close),
        ("refused", TcpState::Close),
        ("syn_sent", TcpState::SynSent),
    ] {
        for recording in Recording::on_each(name) {
            let what = format!("{name} of {}", recording.kernel);
            assert!(
                recording.number("last_ack_recv") > Some(100_000),
                "{what} bites"
            );
            let info = recording.decode();
            assert_eq!(info.state, Some(state), "{what}");
            let ages = [
                info.last_data_sent_ms,
                info.last_data_recv_ms,
                info.last_ack_recv_ms,
            ];
            assert_eq!(ages, [None; 3], "{what}");
            assert_eq!((info.snd_wnd, info.options), (None, None), "{what}");
            assert_eq!(
                (info.rtt_us, info.rttvar_us, info.min_rtt_us),
                (None, None, None),
                "{what}"
            );
        }
    }
    let connecting = Recording::load("syn_sent").decode();
    assert_eq!(
        (connecting.retransmits, connecting.unacked),
        (Some(1), Some(1))
    );
}

/// State and errno together name the cause.
#[test]
fn ends_and_their_causes() {
    for (name, state, cause) in [
        ("established_idle", TcpState::Established, None),
        ("in_flight", TcpState::Established, None),
        ("fin_wait_2", TcpState::FinWait2, None),
        ("close_wait", TcpState::CloseWait, Some(Cause::PeerClosed)),
        ("reset", TcpState::Close, Some(Cause::Reset)),
        ("timed_out", TcpState::Close, Some(Cause::TimedOut)),
        ("refused", TcpState::Close, Some(Cause::Refused)),
    ] {
        for recording in Recording::on_each(name) {
            let what = format!("{name} of {}", recording.kernel);
            let errno = recording.known("errno").expect("recorded");
            let errno = i32::try_from(errno).expect("an errno");
            assert_eq!(recording.decode().state, Some(state), "{what}");
            assert_eq!(Cause::from_errno(errno, Some(state)), cause, "{what}");
        }
    }
    for recording in Recording::on_each("timed_out") {
        let timed_out = recording.decode();
        assert_eq!(timed_out.probes, Some(2), "counters outlive the connection");
        assert_eq!(timed_out.bytes_acked, Some(1001));
    }
}

/// The table of layouts holds of real kernels, and later ones have no less than the last of it.
#[test]
fn each_kernel_tells_as_much_as_the_table_says() {
    for recording in Recording::on_each("established_idle") {
        let (size, _) = LAYOUTS
            .iter()
            .rev()
            .find(|(_, since)| *since <= recording.kernel)
            .expect("no recording is older than the table");
        let kernel = recording.kernel;
        match kernel > V6_18 {
            true => assert!(recording.bytes.len() >= *size, "{kernel}"),
            false => assert_eq!(recording.bytes.len(), *size, "{kernel}"),
        }
        let info = recording.decode();
        assert_eq!(
            (info.bytes_acked, info.bytes_received),
            (Some(1001), Some(500)),
            "{kernel}"
        );
    }
}

/// An older kernel's answer is a prefix: what is in it stays, what came later is absent.
#[test]
fn prefixes_are_the_answers_of_older_kernels() {
    let recording = Recording::load("in_flight");
    let whole = recording.decode();
    for &(size, kernel) in LAYOUTS {
        let info = TcpInfo::decode(&recording.bytes[..size], Some(kernel));
        assert_eq!(info.retransmits, whole.retransmits, "{kernel}");
        assert_eq!(info.total_retrans, whole.total_retrans, "{kernel}");
        let since = |major, minor| kernel >= KernelVersion::new(major, minor);
        assert_eq!(
            info.pacing_rate,
            whole.pacing_rate.filter(|_| since(3, 15)),
            "{kernel}"
        );
        assert_eq!(
            info.bytes_acked,
            whole.bytes_acked.filter(|_| since(4, 1)),
            "{kernel}"
        );
        assert_eq!(
            info.segs_in,
            whole.segs_in.filter(|_| since(4, 2)),
            "{kernel}"
        );
        assert_eq!(
            info.min_rtt_us,
            whole.min_rtt_us.filter(|_| since(4, 6)),
            "{kernel}"
        );
        assert_eq!(
            info.delivery_rate,
            whole.delivery_rate.filter(|_| since(4, 9)),
            "{kernel}"
        );
        assert_eq!(
            info.delivery_rate_app_limited.is_some(),
            since(4, 9),
            "{kernel}"
        );
        assert_eq!(
            info.busy_time_us,
            whole.busy_time_us.filter(|_| since(4, 10)),
            "{kernel}"
        );
        assert_eq!(
            info.delivered,
            whole.delivered.filter(|_| since(4, 18)),
            "{kernel}"
        );
        assert_eq!(
            info.bytes_retrans,
            whole.bytes_retrans.filter(|_| since(4, 19)),
            "{kernel}"
        );
        assert_eq!(
            info.snd_wnd,
            whole.snd_wnd.filter(|_| since(5, 4)),
            "{kernel}"
        );
        assert_eq!(info.fastopen_client_fail.is_some(), since(5, 5), "{kernel}");
        assert_eq!(
            info.rcv_wnd,
            whole.rcv_wnd.filter(|_| since(6, 2)),
            "{kernel}"
        );
        assert_eq!(
            info.total_rto,
            whole.total_rto.filter(|_| since(6, 7)),
            "{kernel}"
        );
        assert_eq!(info.received_ce.is_some(), since(6, 18), "{kernel}");
        assert_eq!(info.fackets.is_some(), !since(4, 15), "{kernel}");
    }
    assert_eq!(LAYOUTS.last(), Some(&(MAX_SIZE, V6_18)));
    assert_eq!(recording.bytes.len(), MAX_SIZE);
}
