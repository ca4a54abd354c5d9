//! Ethernet, its tags, and what an EtherType stands for.

use super::{Content, Layer, Opaque, Skip, ip, llc, mpls, ppp, tunnel};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// IEEE 802.1Q, 802.1ad, and what QinQ used before that.
const VLAN: u16 = 0x8100;
const QINQ: u16 = 0x88a8;
const QINQ_OLD: [u16; 3] = [0x9100, 0x9200, 0x9300];
/// A backbone's tag, before a customer's whole frame (IEEE 802.1ah, I-TAG).
const BACKBONE: u16 = 0x88e7;
/// PPP over Ethernet, while connected (RFC 2516).
const PPPOE: u16 = 0x8864;
/// MPLS, downstream-assigned and upstream-assigned labels (RFC 5332).
const MPLS: [u16; 2] = [0x8847, 0x8848];
/// An Ethernet frame within GRE (RFC 1701's list, "transparent Ethernet bridging").
const BRIDGED: u16 = 0x6558;
/// PPP within GRE (RFC 2637).
const PPP: u16 = 0x880b;
/// Network Service Header (RFC 8300).
const NSH: u16 = 0x894f;
/// Seamless redundancy (IEC 62439-3): six bytes, then the EtherType of before.
const HSR: u16 = 0x892f;
/// A Cisco switch's tag for a virtual interface: four bytes, then the EtherType of before (IEEE
/// 802.1BR's draft).
const VN_TAG: u16 = 0x8926;
/// A port extender's tag: six bytes, then the EtherType of before (IEEE 802.1BR, E-TAG).
const E_TAG: u16 = 0x893f;
/// Cisco's metadata, a security group's tag: six bytes, then the EtherType of before.
const CISCO_METADATA: u16 = 0x8909;
/// A tag for redundancy: four bytes, then the EtherType of before (IEEE 802.1CB, R-TAG).
const R_TAG: u16 = 0xf1c1;
/// TRILL: six bytes and options before a whole frame (RFC 6325).
const TRILL: u16 = 0x22f3;
/// Cisco's FabricPath: two bytes before a whole frame.
const FABRIC_PATH: u16 = 0x8903;
/// IEEE 802.1AE.
const MACSEC: u16 = 0x88e5;

/// Up to here the field is the length of an IEEE 802.3 frame.
const LONGEST_8023: u16 = 1500;

/// Reads an Ethernet frame.
pub(super) fn read(frame: Layer<'_>) -> Result<Content, Skip> {
    let head = frame.head::<14>()?;
    carried(u16::from_be_bytes([head[12], head[13]]), frame.after(14)?)
}

/// Reads what an EtherType announces.
pub(super) fn carried(mut ethertype: u16, mut inner: Layer<'_>) -> Result<Content, Skip> {
    loop {
        let (tag, next) = match ethertype {
            IPV4 | IPV6 => return ip::read(inner),
            BRIDGED => return read(inner),
            BACKBONE => return read(inner.after(4)?),
            FABRIC_PATH => return read(inner.after(2)?),
            TRILL => return trill(inner),
            PPPOE => return pppoe(inner),
            PPP => return ppp::read(inner),
            NSH => return tunnel::nsh(inner),
            VLAN | QINQ => (4, 2),
            HSR | VN_TAG | R_TAG => (6, 4),
            E_TAG | CISCO_METADATA => (8, 6),
            MACSEC => return macsec(inner),
            length @ 0..=LONGEST_8023 => return llc::read(inner.ending(u32::from(length))),
            ethertype if QINQ_OLD.contains(&ethertype) => (4, 2),
            ethertype if MPLS.contains(&ethertype) => return mpls::read(inner),
            _ => return Err(Skip::NotIp),
        };
        ethertype = inner.u16_at(next)?;
        inner = inner.after(tag)?;
    }
}

/// Its options are counted in four bytes.
fn trill(inner: Layer<'_>) -> Result<Content, Skip> {
    let options = inner.u16_at(0)? >> 6 & 0x1f;
    read(inner.after(6 + 4 * usize::from(options))?)
}

fn pppoe(inner: Layer<'_>) -> Result<Content, Skip> {
    let length = inner.u16_at(4)?;
    ppp::read(inner.after(6)?.ending(u32::from(length)))
}

/// Signed or encrypted frames; what is signed alone can be read.
fn macsec(inner: Layer<'_>) -> Result<Content, Skip> {
    const CHANNEL: u8 = 0x20;
    const ENCRYPTED_OR_CHANGED: u8 = 0x0c;
    let control = inner.head::<1>()?[0];
    if control & ENCRYPTED_OR_CHANGED != 0 {
        return Err(Skip::Opaque(Opaque::Macsec));
    }
    let tag = if control & CHANNEL == 0 { 6 } else { 14 };
    carried(inner.u16_at(tag)?, inner.after(tag + 2)?)
}
