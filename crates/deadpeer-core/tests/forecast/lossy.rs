//! Moments on paths that lose 40 of 100 packets each way, recorded on Linux 6.18, after which
//! nothing arrived any more: the interval told without eBPF contains the end.

use std::time::Duration;

use deadpeer_core::forecast::{Armed, Timer};
use deadpeer_core::{
    Forecast, Kernel, KernelVersion, Notice, Silence, Snapshot, SocketOptions, TcpInfo,
};

/// What TCP_INFO and sock_diag showed, what was set, and when the kernel gave up.
struct Moment {
    tcp_info: &'static str,
    timer_ms: u64,
    rto_max_ms: u32,
    user_timeout_ms: u32,
    ended_ms: u64,
}

/// A second run of timeouts within a recovery: the clock had gone on since the first.
const CUBIC_SOON: Moment = Moment {
    tcp_info: "\
         010401000107aa00a025260000000000cbff000018020000020000000000000002000000010000000000\
         00006c020000000000000c1b01006c0c0000ffff0000d7ff0000a18e1a004ba629000300000001000000\
         cbff00000300000000000000d7ff000025000000ba60010000000000ffffffffffffffff292800000000\
         00000000000000000000b900000083000000080c00000400000000000000b70000006cbc795802000000\
         e0a2ab0300000000000000000000000000000000000000009300000000000000204e0000000000005023\
         00000000000009000000000000000000000000000200000001001900000019000b001e4e0000",
    timer_ms: 1_872,
    rto_max_ms: 2_500,
    user_timeout_ms: 20_000,
    ended_ms: 17_050,
};

/// The same, when it had gone on for long.
const CUBIC_LATER: Moment = Moment {
    tcp_info: "\
         010401000107aa00a025260000000000cbff000018020000030000000000000003000000010000000000\
         00001404000000000000c0170200140e0000ffff0000d7ff000058b10d005b6815000200000001000000\
         cbff00000300000000000000d7ff0000590000002c02040000000000ffffffffffffffffc94100000000\
         00000000000000000000fb00000092000000d42100000400000000000000f9000000eb63000000000000\
         20f88a070000000000000000000000000000000000000000a80000000000000088a9000000000000c463\
         0000000000000c000000000000000000000000080200000001003a0000003a001400c0b50000",
    timer_ms: 1_456,
    rto_max_ms: 2_500,
    user_timeout_ms: 60_000,
    ended_ms: 41_070,
};

/// BBR paced by 256 bytes a second. The timer was put off up to the largest RTO alone, so the first
/// timeout came before the moment with which its retransmission was stamped.
const BBR: Moment = Moment {
    tcp_info: "\
         010000000007aa00c0cf6a0000000000a805000018020000020000000000000000000000000000000000\
         000084010000000000002499020040090000dc05000058fa00004f511c00b10f2d000e00000004000000\
         a8050000030000000000000090380000500000000001000000000000ffffffffffffffff3d5500000000\
         000000000000000000000f01000097000000bc2a000010270000000000000d0100005501000000000000\
         2024cb090000000000000000000000000000000000000000bb00000000000000aca8000000000000c850\
         00000000000008000000000000000000000000f8000000fc00001c0000001c000c00233e0000",
    timer_ms: 4_652,
    rto_max_ms: 7_000,
    user_timeout_ms: 5_000,
    ended_ms: 19_130,
};

impl Moment {
    fn snapshot(&self) -> Snapshot {
        let digits = self.tcp_info.as_bytes().chunks(2);
        let bytes: Vec<u8> = digits
            .map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap())
            .collect();
        let version = KernelVersion::new(6, 18);
        let mut snapshot = Snapshot::from_info(&TcpInfo::decode(&bytes, Some(version)));
        snapshot.armed = Some(Armed {
            timer: Timer::Retransmit,
            expires_in: Duration::from_millis(self.timer_ms),
            level: None,
        });
        snapshot
    }

    /// First and last moment that are told, milliseconds.
    fn told(&self, snapshot: &Snapshot) -> (u64, u64) {
        let options = SocketOptions {
            user_timeout_ms: Some(self.user_timeout_ms),
            rto_max_ms: Some(self.rto_max_ms),
            ..SocketOptions::default()
        };
        let kernel = Kernel::modern(Some(250));
        let options = options.resolve(&kernel.sysctls);
        assert_eq!(snapshot.silence(), Some(Silence::InFlight));
        let told = Forecast::of(&options, snapshot, &kernel).in_flight.now;
        let Some(Notice::Within(span)) = told else {
            panic!("{told:?}")
        };
        let ms = |moment: Duration| u64::try_from(moment.as_millis()).unwrap();
        (ms(span.earliest), ms(span.latest))
    }
}

#[test]
fn the_end_is_inside() {
    for moment in [CUBIC_SOON, CUBIC_LATER, BBR] {
        let (earliest, latest) = moment.told(&moment.snapshot());
        let ended = moment.ended_ms;
        assert!(
            earliest <= ended && ended <= latest + 10,
            "{earliest} to {latest}, ended after {ended} ms"
        );
    }
}

/// Only where it must the interval is that wide.
#[test]
fn who_was_silent_before_it_wrote_is_in_no_earlier_recovery() {
    let mut apart = CUBIC_LATER.snapshot();
    apart.heard_ago = apart.heard_ago.map(|ago| ago + Duration::from_secs(10));
    let (earliest, latest) = CUBIC_LATER.told(&apart);
    assert!(
        earliest > 57_000 && latest < 61_000,
        "{earliest} to {latest}"
    );
}

#[test]
fn who_is_not_paced_has_no_clock_to_come() {
    let mut unpaced = BBR.snapshot();
    assert!(unpaced.stamped_ahead > Some(Duration::from_secs(10)));
    unpaced.stamped_ahead = None;
    let (earliest, latest) = BBR.told(&unpaced);
    assert!(latest - earliest < 1_000, "{earliest} to {latest}");
    assert_eq!(CUBIC_LATER.snapshot().stamped_ahead, None);
}
