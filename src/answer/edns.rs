//! EDNS (RFC 6891): what the OPT of a query says, and the OPT of a reply.

use std::time::Duration;

use crate::model::RecordType;

use super::cookies::{COOKIE_OCTETS, Cookie};
use super::wire::u16_at;

/// The UDP payload size that we announce, and the most that we send in a datagram: it avoids IP fragmentation (DNS flag
/// day 2020).
pub(super) const UDP_OCTETS: u16 = 1232;

/// What every client takes in a datagram (RFC 1035 section 4.2.1); less than this means this (RFC 6891 section 6.2.3).
pub(super) const UDP_OCTETS_WITHOUT: u16 = 512;

const NSID: u16 = 3;
const COOKIE: u16 = 10;
const TCP_KEEPALIVE: u16 = 11;
const EXTENDED_ERROR: u16 = 15;
const DNSSEC_OK: u32 = 0x8000;

/// What the OPT of a query says.
pub(super) struct Edns<'q> {
    /// The version that the client speaks; we speak 0.
    pub(super) version: u8,
    /// DO: copied into the reply.
    pub(super) dnssec_ok: bool,
    /// NSID (RFC 5001) is asked for.
    nsid: bool,
    /// The data of its COOKIE option, the first one.
    pub(super) cookie: Option<&'q [u8]>,
    /// The data of its edns-tcp-keepalive option (RFC 7828), the first one.
    keepalive: Option<&'q [u8]>,
    udp_octets: u16,
}

impl<'q> Edns<'q> {
    /// From the OPT's class and TTL.
    pub(super) fn read(class: u16, ttl: u32) -> Edns<'q> {
        let version = (ttl >> 16 & 0xff) as u8;
        let dnssec_ok = ttl & DNSSEC_OK > 0;
        Edns { version, dnssec_ok, nsid: false, cookie: None, keepalive: None, udp_octets: class }
    }

    /// Reads the options; `None` when one runs over the end. Those of another version are not ours to judge.
    pub(super) fn read_options(&mut self, mut options: &'q [u8]) -> Option<()> {
        while self.version == 0 && !options.is_empty() {
            let end = 4 + usize::from(u16_at(options, 2)?);
            let (option, rest) = options.split_at_checked(end)?;
            match u16_at(option, 0)? {
                NSID => self.nsid = true,
                COOKIE => self.cookie = self.cookie.or(Some(&option[4..])),
                TCP_KEEPALIVE => self.keepalive = self.keepalive.or(Some(&option[4..])),
                _ => {}
            }
            options = rest;
        }
        Some(())
    }

    /// A client that names a timeout of its own is mistaken: it is the server's to tell (RFC 7828 section 3.1).
    pub(super) fn demands_timeout(&self) -> bool {
        self.keepalive.is_some_and(|timeout| !timeout.is_empty())
    }

    /// The longest datagram that the client and we can agree on.
    pub(super) fn udp_limit(&self) -> usize {
        usize::from(self.udp_octets.clamp(UDP_OCTETS_WITHOUT, UDP_OCTETS))
    }
}

/// Why there is no answer (RFC 8914).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExtendedError {
    /// This server does it for others: the client's network is not one that is answered.
    Prohibited = 18,
    /// The name lies in none of our zones: the delegation that led here is wrong.
    NotAuthoritative = 20,
    /// This server does not do it for any client: another opcode or class, or a zone transfer.
    NotSupported = 21,
}

/// The OPT of a reply, before its extended code is known.
pub(super) struct OptRecord<'t> {
    /// DO, as it came.
    pub(super) dnssec_ok: bool,
    /// Our name, if it is asked for.
    pub(super) nsid: Option<&'t [u8]>,
    /// The client's cookie and ours.
    pub(super) cookie: Option<&'t Cookie>,
    /// How long the connection may be idle, in units of 100 ms, if it is asked for.
    pub(super) keepalive: Option<u16>,
}

/// Owner, type, class, TTL and length.
const OPT_OCTETS: usize = 11;

/// Where the length stands in it.
const OPT_LENGTH_AT: usize = 9;

/// Code and length.
const OPTION_HEADER: usize = 4;

impl<'t> OptRecord<'t> {
    /// What the query's OPT asks for. An empty `nsid` is none; `idle` is none where no connection can be kept.
    pub(super) fn to(
        edns: &Edns<'_>,
        nsid: &'t [u8],
        cookie: Option<&'t Cookie>,
        idle: Option<Duration>,
    ) -> OptRecord<'t> {
        let nsid = (edns.nsid && !nsid.is_empty()).then_some(nsid);
        let keepalive = idle.filter(|_| edns.keepalive.is_some()).map(in_tenths);
        OptRecord { dnssec_ok: edns.dnssec_ok, nsid, cookie, keepalive }
    }

    /// The octets that it takes.
    pub(super) fn octets(&self) -> usize {
        let nsid = self.nsid.map_or(0, |nsid| OPTION_HEADER + nsid.len());
        let cookie = self.cookie.map_or(0, |_| OPTION_HEADER + COOKIE_OCTETS);
        let keepalive = self.keepalive.map_or(0, |_| OPTION_HEADER + 2);
        OPT_OCTETS + nsid + cookie + keepalive
    }

    /// Writes it to the start of `out`, which is as long as [`Self::octets`] said.
    pub(super) fn write(&self, out: &mut [u8], extended_code: u8) {
        let [udp_high, udp_low] = UDP_OCTETS.to_be_bytes();
        let flags = u8::from(self.dnssec_ok) << 7;
        let length = (self.octets() - OPT_OCTETS) as u16;
        let [high, low] = length.to_be_bytes();
        let fixed = [0, 0, RecordType::OPT.0 as u8, udp_high, udp_low, extended_code, 0, flags, 0, high, low];
        let (start, mut options) = out.split_at_mut(OPT_OCTETS);
        start.copy_from_slice(&fixed);
        if let Some(nsid) = self.nsid {
            options = put_option(options, NSID, nsid);
        }
        if let Some(cookie) = self.cookie {
            options = put_option(options, COOKIE, cookie);
        }
        if let Some(tenths) = self.keepalive {
            put_option(options, TCP_KEEPALIVE, &tenths.to_be_bytes());
        }
    }
}

fn in_tenths(span: Duration) -> u16 {
    u16::try_from(span.as_millis() / 100).unwrap_or(u16::MAX)
}

/// Adds an option with the error to the OPT at the end of a reply, and returns where that ends now. There is space:
/// such replies have no records.
#[cold]
pub(super) fn explain(reply: &mut [u8], opt_at: usize, end: usize, error: ExtendedError) -> usize {
    let data = (error as u16).to_be_bytes();
    put_option(&mut reply[end..], EXTENDED_ERROR, &data);
    let new_end = end + OPTION_HEADER + data.len();
    let length = (new_end - opt_at - OPT_OCTETS) as u16;
    reply[opt_at + OPT_LENGTH_AT..opt_at + OPT_OCTETS].copy_from_slice(&length.to_be_bytes());
    new_end
}

/// Writes an option to the start of `out`, and returns what follows it.
fn put_option<'o>(out: &'o mut [u8], code: u16, data: &[u8]) -> &'o mut [u8] {
    let (option, rest) = out.split_at_mut(OPTION_HEADER + data.len());
    option[..2].copy_from_slice(&code.to_be_bytes());
    option[2..OPTION_HEADER].copy_from_slice(&(data.len() as u16).to_be_bytes());
    option[OPTION_HEADER..].copy_from_slice(data);
    rest
}
