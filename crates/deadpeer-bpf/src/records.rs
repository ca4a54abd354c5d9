//! What the programs tell and are told: programs/records.h, field by field.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use deadpeer_core::{Setting, SocketOption, SocketOptions, TcpState};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! records {
    ($($name:ident, $size:literal bytes { $($(#[$doc:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        #[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub(crate) struct $name {
            $($(#[$doc])* pub(crate) $field: $type,)*
        }
        const _: () = assert!(size_of::<$name>() == $size, "programs/records.h");
    )*};
}

records! {
    Options, 28 bytes {
        /// In the order of [`SocketOption::ALL`].
        values: [u32; 7],
    }
    Ends, 40 bytes {
        local: [u8; 16],
        peer: [u8; 16],
        local_port: u16,
        peer_port: u16,
        family: u16,
        unused: u16,
    }
    State, 136 bytes {
        cookie: u64,
        inode: u64,
        cgroup: u64,
        ends: Ends,
        options: Options,
        namespace: u32,
        uid: u32,
        error: i32,
        soft_error: i32,
        unsent: u32,
        unacknowledged: u32,
        since_received: u32,
        since_acknowledged: u32,
        state: u8,
        probes_out: u8,
        retransmits: u8,
        has_options: u8,
        dead: u8,
        multipath: u8,
        unused: [u8; 6],
    }
    Row, 216 bytes {
        state: State,
        received: u32,
        queued: u32,
        rto: u32,
        srtt: u32,
        unused: u32,
        peer_window: u32,
        expires: i32,
        packets_out: u32,
        ssthresh: u32,
        since_sent: u32,
        retransmitting: u32,
        probing: u32,
        backoff: u8,
        timer: u8,
        unanswered: u8,
        level: u8,
        sack: u8,
        thin: u8,
        loss_probe: u8,
        requested: u8,
        jiffies: u64,
        pacing_rate: u64,
        mss: u32,
        until_next: u32,
    }
    SocketOwner, 12 bytes {
        inode: u32,
        pid: u32,
        fd: u32,
    }
    Outcome, 72 bytes {
        cookie: u64,
        before: Options,
        after: Options,
        option: u32,
        error: i32,
    }
    Change, 60 bytes {
        set: Options,
        only_if: Options,
        adopt: u32,
    }
    Chosen, 8 bytes {
        change: u32,
        done: u32,
    }
    Way, 32 bytes {
        set: Options,
        idle_within: u32,
    }
    Defaults, 16 bytes {
        keepidle: u32,
        keepintvl: u32,
        keepcnt: u32,
        unused: u32,
    }
    Rule, 96 bytes {
        calm: Way,
        dropping: Way,
        defaults: Defaults,
        survive: u32,
        keep_app_settings: u32,
        adopted_alone: u32,
        unused: u32,
    }
    Adopted, 4 bytes {
        heard: u32,
    }
    Wish, 48 bytes {
        keepalive: u64,
        keepidle: u64,
        keepintvl: u64,
        keepcnt: u64,
        user_timeout: u64,
        rto_max: u64,
    }
    Memory, 128 bytes {
        rule: Rule,
        protected: u64,
        spared: u64,
        refused: u64,
        overruled: u64,
    }
    Life, 48 bytes {
        established: u64,
        closed: u64,
        pid: u32,
        caller: u32,
        comm: [u8; 16],
        data_segments: u32,
        unused: u32,
    }
    Slot, 56 bytes {
        cookie: u64,
        life: Life,
    }
    Death, 232 bytes {
        at: u64,
        state: State,
        life: Life,
        bytes_received: u64,
        bytes_acknowledged: u64,
        unread: u32,
        peer_window: u32,
        rto: u32,
        since_sent: u32,
        peer_finished: u8,
        data_after_close: u8,
        unused: [u8; 6],
    }
}

/// Stands for "never" in a time, and for "leave it" in an option to set.
const NONE: u32 = u32::MAX;
/// [`Row::loss_probe`]: the timer sends a tail-loss probe.
pub(crate) const LOSS_PROBE_NEXT: u8 = 1;
/// [`Row::loss_probe`]: the timer is the timeout's.
pub(crate) const LOSS_PROBE_OVER: u8 = 2;
/// [`Row::ssthresh`]: no loss was seen (include/net/tcp.h, `TCP_INFINITE_SSTHRESH`).
pub(crate) const INFINITE_SSTHRESH: u32 = 0x7fff_ffff;
/// How many [`Slot`]s there are, a power of two.
pub(crate) const SLOTS: u32 = 65_536;
/// [`Outcome::option`]: the socket was not as it was expected.
pub(crate) const CHANGED: u32 = u32::MAX;

impl Options {
    /// Options to set, in the units of setsockopt(2).
    pub(crate) fn to_set(options: &SocketOptions) -> Self {
        Self {
            values: SocketOption::ALL.map(|option| options.get(option).unwrap_or(NONE)),
        }
    }

    /// The inverse of [`Options::to_set`].
    pub(crate) fn as_set(&self) -> SocketOptions {
        let set = self.settings().filter(|setting| setting.value != NONE);
        set.collect()
    }

    /// Leaves everything as it is.
    pub(crate) fn nothing() -> Self {
        Self::to_set(&SocketOptions::default())
    }

    /// Options as a socket of a kernel with this clock rate keeps them; the inverse of
    /// [`Options::read`].
    pub(crate) fn kept(options: &SocketOptions, hz: u32) -> Self {
        let kept = |option: SocketOption| {
            let value = options.get(option).unwrap_or(0);
            units_a_second(option).map_or(value, |units| {
                (u64::from(value) * u64::from(hz)).div_ceil(units) as u32
            })
        };
        Self {
            values: SocketOption::ALL.map(kept),
        }
    }

    /// The options of a socket: 0 follows the sysctl.
    pub(crate) fn read(&self, hz: u32) -> SocketOptions {
        let read = |kept: Setting| {
            let value = units_a_second(kept.option).map_or(kept.value, |units| {
                (u64::from(kept.value) * units / u64::from(hz)) as u32
            });
            let own = value != 0 || kept.option == SocketOption::Keepalive;
            own.then(|| Setting::new(kept.option, value))
        };
        self.settings().filter_map(read).collect()
    }

    fn settings(&self) -> impl Iterator<Item = Setting> {
        let all = SocketOption::ALL.into_iter().zip(self.values);
        all.map(|(option, value)| Setting::new(option, value))
    }
}

/// Of an option that the kernel keeps in jiffies: how many of its units are a second.
fn units_a_second(option: SocketOption) -> Option<u64> {
    let seconds = matches!(option, SocketOption::Keepidle | SocketOption::Keepintvl);
    let milliseconds = option == SocketOption::RtoMax;
    seconds.then_some(1).or(milliseconds.then_some(1000))
}

impl Ends {
    pub(crate) fn local(&self) -> SocketAddr {
        SocketAddr::new(self.address(self.local), self.local_port)
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.address(self.peer), self.peer_port)
    }

    /// IPv4 is in the last four bytes.
    fn address(&self, bytes: [u8; 16]) -> IpAddr {
        const AF_INET: u16 = 2;
        let [.., a, b, c, d] = bytes;
        match self.family {
            AF_INET => Ipv4Addr::new(a, b, c, d).into(),
            _ => Ipv6Addr::from(bytes).into(),
        }
    }
}

impl State {
    /// `None` for a number that no known kernel uses.
    pub(crate) fn state(&self) -> Option<TcpState> {
        TcpState::from_kernel(self.state)
    }

    /// TIME_WAIT and connection requests have none.
    pub(crate) fn has_options(&self) -> bool {
        self.has_options != 0
    }

    pub(crate) fn inode(&self) -> Option<NonZeroU32> {
        // Inode numbers of sockets are 32 bits wide (fs/inode.c, `get_next_ino`).
        NonZeroU32::new(self.inode as u32)
    }

    pub(crate) fn cgroup(&self) -> Option<u64> {
        (self.cgroup != 0).then_some(self.cgroup)
    }
}

/// A stretch of jiffies; `None` for "never".
pub(crate) fn stretch(jiffies: u32, hz: u32) -> Option<Duration> {
    (jiffies != NONE).then(|| ticks(jiffies, hz))
}

/// A number of jiffies as a time.
pub(crate) fn ticks(jiffies: u32, hz: u32) -> Duration {
    Duration::from_nanos(u64::from(jiffies) * 1_000_000_000 / u64::from(hz))
}

/// A stretch of milliseconds; `None` for "never".
fn milliseconds(ms: u32) -> Option<Duration> {
    (ms != NONE).then(|| Duration::from_millis(u64::from(ms)))
}

/// The same of a moment that may be to come: the time since it, or the time until it.
pub(crate) fn since_or_until(ms: u32) -> (Option<Duration>, Option<Duration>) {
    match ms.cast_signed() {
        ..-1 => (None, milliseconds(ms.wrapping_neg())),
        -1.. => (milliseconds(ms), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_go_to_the_kernel_and_come_back() {
        let options = SocketOptions {
            keepalive: Some(true),
            keepidle_s: Some(9),
            keepcnt: Some(8),
            user_timeout_ms: Some(14_500),
            ..SocketOptions::default()
        };
        assert_eq!(Options::to_set(&options).as_set(), options);
        for hz in [100, 250, 300, 1000] {
            assert_eq!(Options::kept(&options, hz).read(hz), options);
        }
        assert_eq!(Options::nothing().as_set(), SocketOptions::default());
    }

    /// programs/options.h has the numbers of the list, and programs/records.h its order.
    #[test]
    fn the_programs_have_the_list() {
        let numbers = include_str!("../programs/options.h");
        let records = include_str!("../programs/records.h");
        let fields = records.split("struct options {").nth(1).unwrap();
        let mut fields = fields.lines().skip(1);
        for option in SocketOption::ALL {
            let facts = option.facts();
            let define = format!("#define {} {}\n", facts.name, facts.number);
            assert!(numbers.contains(&define), "{define}");
            let field = fields.next().unwrap().trim().trim_start_matches("u32 ");
            let field = field.split(';').next().unwrap();
            assert!(facts.field.contains(field), "{field} {}", facts.field);
        }
        assert!(fields.next().unwrap().starts_with('}'));
    }

    #[test]
    fn what_a_socket_follows_is_absent() {
        let untouched = Options::kept(&SocketOptions::default(), 250).read(250);
        let off = SocketOptions {
            keepalive: Some(false),
            ..SocketOptions::default()
        };
        assert_eq!(untouched, off);
    }

    #[test]
    fn never_is_no_time() {
        assert_eq!(stretch(NONE, 250), None);
        assert_eq!(stretch(500, 250), Some(Duration::from_secs(2)));
        assert_eq!(milliseconds(NONE), None);
        let s = |s| Some(Duration::from_secs(s));
        assert_eq!(since_or_until(NONE), (None, None));
        assert_eq!(since_or_until(2_000), (s(2), None));
        assert_eq!(since_or_until(2_000_u32.wrapping_neg()), (None, s(2)));
    }
}
