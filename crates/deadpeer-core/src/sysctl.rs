//! The sysctls of a forecast by their names, for kernels that nobody has at hand.

use std::fmt;

use crate::kernel::{Kernel, Sysctls};
use crate::tcp_info::KernelVersion;

/// A sysctl that cannot be set on a [`Kernel`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidSysctl {
    /// No forecast depends on a sysctl of this name.
    Unknown {
        /// The name that was given.
        name: String,
        /// The name that looks most like it, if one does.
        nearest: Option<&'static str>,
    },
    /// The kernel has no such sysctl: it is too old.
    TooNew {
        /// The name below `net.ipv4`.
        name: &'static str,
        /// The version that brought it.
        since: KernelVersion,
    },
    /// The kernel does not take this value.
    OutOfRange {
        /// The name below `net.ipv4`.
        name: &'static str,
        /// The value that was given.
        value: u32,
        /// The smallest value the kernel takes.
        min: u32,
        /// The largest value the kernel takes.
        max: u32,
    },
}

impl std::error::Error for InvalidSysctl {}

impl From<InvalidSysctl> for std::io::Error {
    /// [`InvalidInput`](std::io::ErrorKind::InvalidInput), with the error inside.
    fn from(error: InvalidSysctl) -> Self {
        Self::new(std::io::ErrorKind::InvalidInput, error)
    }
}

impl fmt::Display for InvalidSysctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, nearest } => {
                write!(f, "no forecast depends on a sysctl {name}")?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean net.ipv4.{nearest}?"),
                    None => Ok(()),
                }
            }
            Self::TooNew { name, since } => write!(f, "net.ipv4.{name} came with Linux {since}"),
            Self::OutOfRange {
                name,
                value,
                min,
                max,
            } => write!(f, "net.ipv4.{name} takes {min} to {max}, not {value}"),
        }
    }
}

/// One sysctl: its name, what the kernel takes (net/ipv4/sysctl_net_ipv4.c), seconds as many as it
/// can count at every clock rate, and its field; `None`: the kernel has none.
struct Known {
    name: &'static str,
    range: (u32, u32),
    field: fn(&mut Sysctls) -> Option<Field<'_>>,
}

enum Field<'a> {
    Number(&'a mut u32),
    Switch(&'a mut bool),
}

macro_rules! known {
    ($name:literal, $min:literal..=$max:literal, $field:ident) => {
        Known {
            name: $name,
            range: ($min, $max),
            field: |sysctls| Some(Field::Number(&mut sysctls.$field)),
        }
    };
    ($name:literal, $min:literal..=$max:literal, $field:ident?) => {
        Known {
            name: $name,
            range: ($min, $max),
            field: |sysctls| sysctls.$field.as_mut().map(Field::Number),
        }
    };
}

const KNOWN: [Known; 13] = [
    known!("tcp_keepalive_time", 0..=2_147_483, keepalive_time_s),
    known!("tcp_keepalive_intvl", 0..=2_147_483, keepalive_intvl_s),
    known!("tcp_keepalive_probes", 0..=255, keepalive_probes),
    known!("tcp_retries2", 0..=255, retries2),
    known!("tcp_orphan_retries", 0..=255, orphan_retries),
    known!("tcp_fin_timeout", 0..=2_147_483, fin_timeout_s),
    known!("tcp_syn_retries", 1..=127, syn_retries),
    known!("tcp_syn_linear_timeouts", 0..=127, syn_linear_timeouts?),
    known!("tcp_synack_retries", 0..=255, synack_retries),
    known!("tcp_early_retrans", 0..=4, early_retrans),
    Known {
        name: "tcp_thin_linear_timeouts",
        range: (0, 1),
        field: |sysctls| Some(Field::Switch(&mut sysctls.thin_linear_timeouts)),
    },
    known!("tcp_rto_min_us", 1..=2_147_483_647, rto_min_us?),
    known!("tcp_rto_max_ms", 1_000..=120_000, rto_max_ms?),
];

/// The versions that brought what not every kernel has.
const CUT_WAITS: KernelVersion = KernelVersion::new(4, 19);
const LINEAR_TIMEOUTS: KernelVersion = KernelVersion::new(6, 5);
const RTO_MIN: KernelVersion = KernelVersion::new(6, 11);
const RTO_MAX: KernelVersion = KernelVersion::new(6, 15);

impl Kernel {
    /// A kernel of this version as it comes, with untouched sysctls. Distributions may have carried
    /// newer options back.
    ///
    /// ```
    /// use std::time::Duration;
    /// use deadpeer_core::{Kernel, KernelVersion, Policy};
    ///
    /// let kernel = Kernel::of_version(KernelVersion::new(6, 1), Some(250)).with_sysctl("net.ipv4.tcp_retries2", 8)?;
    /// assert!(Policy::detect_within(Duration::from_secs(1_800)).plan(&kernel).is_ok());
    /// # Ok::<(), deadpeer_core::sysctl::InvalidSysctl>(())
    /// ```
    #[must_use]
    pub fn of_version(version: KernelVersion, hz: Option<u32>) -> Self {
        let default = Sysctls::DEFAULT;
        Self {
            hz,
            rto_max_option: version >= RTO_MAX,
            cuts_waits: version >= CUT_WAITS,
            sysctls: Sysctls {
                syn_linear_timeouts: default
                    .syn_linear_timeouts
                    .filter(|_| version >= LINEAR_TIMEOUTS),
                rto_min_us: default.rto_min_us.filter(|_| version >= RTO_MIN),
                rto_max_ms: default.rto_max_ms.filter(|_| version >= RTO_MAX),
                ..default
            },
        }
    }

    /// The same with a sysctl set, named as sysctl(8) does, `net.ipv4.tcp_retries2`, or without the
    /// first two parts.
    ///
    /// # Errors
    /// [`InvalidSysctl`]: no forecast depends on it, the kernel has none of that name or does not
    /// take the value.
    pub fn with_sysctl(mut self, name: &str, value: u32) -> Result<Self, InvalidSysctl> {
        let short = short(name);
        let unknown = || InvalidSysctl::Unknown {
            name: name.to_owned(),
            nearest: nearest(&short),
        };
        let known = KNOWN
            .iter()
            .find(|known| known.name == short)
            .ok_or_else(unknown)?;
        let (name, (min, max)) = (known.name, known.range);
        let Some(field) = (known.field)(&mut self.sysctls) else {
            let since = since(name);
            return Err(InvalidSysctl::TooNew { name, since });
        };
        if !(min..=max).contains(&value) {
            return Err(InvalidSysctl::OutOfRange {
                name,
                value,
                min,
                max,
            });
        }
        match field {
            Field::Number(number) => *number = value,
            Field::Switch(switch) => *switch = value != 0,
        }
        Ok(self)
    }
}

/// The name below `net.ipv4`, with dots or slashes before it.
fn short(name: &str) -> String {
    let name = name.replace('/', ".");
    name.strip_prefix("net.ipv4.").unwrap_or(&name).to_owned()
}

fn since(name: &str) -> KernelVersion {
    match name {
        "tcp_syn_linear_timeouts" => LINEAR_TIMEOUTS,
        "tcp_rto_min_us" => RTO_MIN,
        _ => RTO_MAX,
    }
}

/// The known name that shares the longest beginning and end with this one, if that is most of it.
fn nearest(name: &str) -> Option<&'static str> {
    let shared = |known: &str| {
        let beginning = name.bytes().zip(known.bytes()).take_while(|(a, b)| a == b);
        let beginning = beginning.count();
        let rest = (name.bytes().rev().zip(known.bytes().rev())).take_while(|(a, b)| a == b);
        let longest = name.len().min(known.len());
        (beginning + rest.count()).min(longest)
    };
    KNOWN
        .iter()
        .map(|known| known.name)
        .filter(|known| shared(known) * 4 >= known.len().max(name.len()) * 3)
        .max_by_key(|known| shared(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: KernelVersion = KernelVersion::new(6, 1);

    #[test]
    fn a_version_has_what_came_before_it() {
        assert_eq!(Kernel::of_version(OLD, None), Kernel::before_rto_max(None));
        assert!(!Kernel::of_version(KernelVersion::new(4, 18), None).cuts_waits);
        let newest = KernelVersion::new(7, 1);
        assert_eq!(
            Kernel::of_version(newest, Some(250)),
            Kernel::modern(Some(250))
        );
        let between = Kernel::of_version(KernelVersion::new(6, 12), None);
        assert!(!between.rto_max_option && between.sysctls.rto_min_us.is_some());
        assert_eq!(between.sysctls.syn_linear_timeouts, Some(4));
    }

    #[test]
    fn each_can_be_set() {
        for known in &KNOWN {
            let kernel = Kernel::modern(None).with_sysctl(known.name, known.range.1);
            let mut sysctls = kernel.unwrap().sysctls;
            let set = match (known.field)(&mut sysctls).unwrap() {
                Field::Number(number) => *number,
                Field::Switch(switch) => u32::from(*switch),
            };
            assert_eq!(set, known.range.1, "{}", known.name);
        }
    }

    #[test]
    fn names_are_taken_as_sysctl_takes_them() {
        for name in [
            "net.ipv4.tcp_retries2",
            "net/ipv4/tcp_retries2",
            "tcp_retries2",
        ] {
            let kernel = Kernel::modern(None).with_sysctl(name, 5).unwrap();
            assert_eq!(kernel.sysctls.retries2, 5);
        }
    }

    #[test]
    fn what_cannot_be_set_is_refused_in_words() {
        let refused =
            |kernel: Kernel, name, value| kernel.with_sysctl(name, value).unwrap_err().to_string();
        let (old, new) = (Kernel::before_rto_max(None), Kernel::modern(None));
        let misspelt = refused(new, "net.ipv4.tcp_retires2", 5);
        assert!(
            misspelt.ends_with("did you mean net.ipv4.tcp_retries2?"),
            "{misspelt}"
        );
        let alien = refused(new, "vm.swappiness", 5);
        assert_eq!(alien, "no forecast depends on a sysctl vm.swappiness");
        assert_eq!(
            refused(old, "tcp_rto_max_ms", 5_000),
            "net.ipv4.tcp_rto_max_ms came with Linux 6.15"
        );
        assert_eq!(
            refused(new, "tcp_rto_max_ms", 5),
            "net.ipv4.tcp_rto_max_ms takes 1000 to 120000, not 5"
        );
    }
}
