//! EDNS (RFC 6891): what the OPT of a query says, and the OPT of a reply.

use super::wire::u16_at;

/// The type of an OPT record.
pub(super) const OPT: u16 = 41;

/// What we say we take, and the most that we send in a datagram: it passes everywhere unfragmented (the DNS flag
/// day of 2020).
pub(super) const UDP_OCTETS: u16 = 1232;

/// What everybody takes in a datagram (RFC 1035 section 4.2.1); who says less means this (RFC 6891 section 6.2.3).
pub(super) const UDP_OCTETS_WITHOUT: u16 = 512;

const NSID: u16 = 3;
const DNSSEC_OK: u32 = 0x8000;

/// What the OPT of a query says.
pub(super) struct Edns {
    /// The version that the client speaks; we speak 0.
    pub(super) version: u8,
    /// DO: copied into the reply.
    pub(super) dnssec_ok: bool,
    /// NSID (RFC 5001) is asked for.
    nsid: bool,
    udp_octets: u16,
}

impl Edns {
    /// From the OPT's class and TTL.
    pub(super) fn read(class: u16, ttl: u32) -> Edns {
        let version = (ttl >> 16 & 0xff) as u8;
        Edns { version, dnssec_ok: ttl & DNSSEC_OK > 0, nsid: false, udp_octets: class }
    }

    /// Reads the options; `None` when one runs over the end. Those of another version are not ours to judge.
    pub(super) fn read_options(&mut self, mut options: &[u8]) -> Option<()> {
        while self.version == 0 && !options.is_empty() {
            let end = 4 + usize::from(u16_at(options, 2)?);
            self.nsid |= u16_at(options, 0)? == NSID;
            options = options.get(end..)?;
        }
        Some(())
    }

    /// The longest datagram that the client and we can agree on.
    pub(super) fn udp_limit(&self) -> usize {
        usize::from(self.udp_octets.clamp(UDP_OCTETS_WITHOUT, UDP_OCTETS))
    }
}

/// The OPT of a reply, before its extended code is known.
pub(super) struct OptRecord<'t> {
    dnssec_ok: bool,
    nsid: Option<&'t [u8]>,
}

/// Owner, type, class, TTL and length.
const OPT_OCTETS: usize = 11;

impl<'t> OptRecord<'t> {
    /// What the query's OPT asks for. An empty `nsid` is none.
    pub(super) fn to(edns: &Edns, nsid: &'t [u8]) -> OptRecord<'t> {
        OptRecord { dnssec_ok: edns.dnssec_ok, nsid: (edns.nsid && !nsid.is_empty()).then_some(nsid) }
    }

    /// The octets that it takes.
    pub(super) fn octets(&self) -> usize {
        OPT_OCTETS + self.nsid.map_or(0, |nsid| 4 + nsid.len())
    }

    /// Writes it to the start of `out`, which is as long as [`Self::octets`] said.
    pub(super) fn write(&self, out: &mut [u8], extended_code: u8) {
        let [udp_high, udp_low] = UDP_OCTETS.to_be_bytes();
        let flags = u8::from(self.dnssec_ok) << 7;
        let length = (self.octets() - OPT_OCTETS) as u16;
        let [high, low] = length.to_be_bytes();
        let fixed = [0, 0, OPT as u8, udp_high, udp_low, extended_code, 0, flags, 0, high, low];
        out[..OPT_OCTETS].copy_from_slice(&fixed);
        if let Some(nsid) = self.nsid {
            let [high, low] = (nsid.len() as u16).to_be_bytes();
            out[OPT_OCTETS..OPT_OCTETS + 4].copy_from_slice(&[0, NSID as u8, high, low]);
            out[OPT_OCTETS + 4..].copy_from_slice(nsid);
        }
    }
}
