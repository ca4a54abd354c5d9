//! Offloads of an interface, switched off through ethtool's ioctl.
//!
//! A veth leaves checksums to hardware it does not have and sends segments of 64 KiB: a reader of
//! packets at its other end sees half-made checksums and packets no network carries. Legacy
//! commands of linux/ethtool.h are used, which every kernel maps to its feature bits.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::{Result, SysError, door};

const SIOCETHTOOL: libc::c_ulong = 0x8946;

/// The commands that set one offload, with the names used in errors.
const SWITCHES: [(u32, &str); 6] = [
    (0x24, "ioctl(ETHTOOL_SGSO)"),
    (0x1f, "ioctl(ETHTOOL_STSO)"),
    (0x2c, "ioctl(ETHTOOL_SGRO)"),
    (0x17, "ioctl(ETHTOOL_STXCSUM)"),
    (0x15, "ioctl(ETHTOOL_SRXCSUM)"),
    (0x19, "ioctl(ETHTOOL_SSG)"),
];

/// The kernel's `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// Switches off checksum, segmentation and receive offloads of an interface in the calling thread's
/// network namespace.
///
/// # Errors
/// `EPERM` without `CAP_NET_ADMIN` over that namespace; `ENODEV` for an unknown name;
/// `ENAMETOOLONG` for a name no interface can have. `EOPNOTSUPP` is no error: what a device does
/// not have needs no switching off.
pub fn switch_off_offloads(interface: &str) -> Result<()> {
    let mut name = [0; libc::IFNAMSIZ];
    if interface.len() >= name.len() {
        return Err(SysError {
            call: "ioctl(SIOCETHTOOL)",
            errno: rustix::io::Errno::NAMETOOLONG,
        });
    }
    for (to, from) in name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    let (family, kind) = (AddressFamily::INET, SocketType::DGRAM);
    let socket = door::call("socket", || {
        socket_with(family, kind, SocketFlags::CLOEXEC, None)
    })?;
    SWITCHES
        .iter()
        .try_for_each(|&(command, call)| switch_off(socket.as_fd(), name, command, call))
}

fn switch_off(
    socket: BorrowedFd<'_>,
    name: [libc::c_char; libc::IFNAMSIZ],
    command: u32,
    call: &'static str,
) -> Result<()> {
    let mut value = EthtoolValue { command, data: 0 };
    let mut request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_data: (&raw mut value).cast(),
        },
    };
    // SAFETY: the request names an interface and points at a value that outlives the call, both of
    // the kernel's layout.
    let answer = door::number(call, || unsafe {
        libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request)
    });
    match answer {
        Err(error) if error.errno == rustix::io::Errno::OPNOTSUPP => Ok(()),
        other => other.map(drop),
    }
}
