//! What AF_XDP asks of the kernel besides sockets: bpf(2), and two questions about an interface.
//!
//! No crate that is kept up loads a short program without an ELF file or a C compiler, so bpf(2) is called here.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use xdp::nic::NicIndex;

const NAME: &[u8; 16] = b"cadence_dns\0\0\0\0\0";

/// The commands of bpf(2) that are used, and their arguments, each a prefix of `union bpf_attr`.
const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const PROG_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;

const PROG_TYPE_XDP: u32 = 6;
const ATTACH_TYPE_XDP: u32 = 37;
const FLAG_SKB_MODE: u32 = 1 << 1;
const FLAG_DRV_MODE: u32 = 1 << 2;

#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_octets: u32,
    value_octets: u32,
    entries_max: u32,
    flags: u32,
    inner_map: u32,
    numa_node: u32,
    name: [u8; 16],
}

#[repr(C)]
struct MapUpdate {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgLoad {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_octets: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_type: u32,
}

#[repr(C)]
struct LinkCreate {
    program: u32,
    interface: u32,
    attach_type: u32,
    flags: u32,
}

/// A kind of map.
#[derive(Clone, Copy)]
pub(super) enum MapKind {
    /// Keys to values.
    Hash = 1,
    /// Queues to AF_XDP sockets.
    Sockets = 17,
}

/// How an interface runs its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// In its driver.
    Native,
    /// Behind its driver, which knows nothing of XDP.
    Generic,
}

/// Calls bpf(2) with an argument of which each pointer leads to what the command says.
///
/// # Safety
/// The pointers in `argument` are valid for the command, with the lengths beside them.
unsafe fn bpf<T>(command: libc::c_int, argument: &T) -> io::Result<RawFd> {
    // SAFETY: `argument` is read up to its size during the call; the caller vouches for the pointers in it.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, ptr::from_ref(argument), size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as RawFd) }
}

/// Calls bpf(2) with a command that opens a descriptor.
///
/// # Safety
/// The command does, and the pointers in `argument` are valid for it, with the lengths beside them.
unsafe fn open<T>(command: libc::c_int, argument: &T) -> io::Result<OwnedFd> {
    // SAFETY: the caller vouches for it.
    let descriptor = unsafe { bpf(command, argument) }?;
    // SAFETY: the kernel has just opened it for us, and nothing else has its number.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// A map that a program looks into.
pub(super) struct Map {
    descriptor: OwnedFd,
    key_octets: usize,
}

impl Map {
    /// An empty one.
    pub(super) fn new(kind: MapKind, key_octets: usize, entries_max: usize) -> io::Result<Map> {
        let argument = MapCreate {
            map_type: kind as u32,
            key_octets: key_octets as u32,
            value_octets: size_of::<u32>() as u32,
            entries_max: entries_max as u32,
            flags: 0,
            inner_map: 0,
            numa_node: 0,
            name: *NAME,
        };
        // SAFETY: it opens a descriptor, and there is no pointer in it.
        let descriptor = unsafe { open(MAP_CREATE, &argument) }?;
        Ok(Map { descriptor, key_octets })
    }

    /// Puts a value in.
    ///
    /// # Panics
    /// When the key is not as long as the map's.
    pub(super) fn put(&self, key: &[u8], value: u32) -> io::Result<()> {
        assert_eq!(key.len(), self.key_octets, "a key of this map");
        let argument = MapUpdate {
            map: self.descriptor() as u32,
            padding: 0,
            key: key.as_ptr() as u64,
            value: ptr::from_ref(&value) as u64,
            flags: 0,
        };
        // SAFETY: key and value live through the call and are as long as the map was created with.
        unsafe { bpf(MAP_UPDATE_ELEM, &argument) }.map(drop)
    }

    /// How a program names it.
    pub(super) fn descriptor(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

/// Has the kernel verify a program. Its complaint comes with the error, when it has any.
pub(super) fn load(instructions: &[u64]) -> Result<OwnedFd, (io::Error, String)> {
    let quiet = load_with(instructions, &mut []);
    quiet.map_err(|error| {
        let mut log = vec![0; 1 << 20];
        let _ = load_with(instructions, &mut log); // fails as before; this time it says why
        let text = CStr::from_bytes_until_nul(&log).unwrap_or_default().to_string_lossy();
        let said = text.lines().rev().find(|line| !line.is_empty() && !line.starts_with("processed"));
        (error, said.unwrap_or_default().to_owned())
    })
}

fn load_with(instructions: &[u64], log: &mut [u8]) -> io::Result<OwnedFd> {
    let argument = ProgLoad {
        program_type: PROG_TYPE_XDP,
        instruction_count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        licence: c"MIT".as_ptr() as u64,
        log_level: u32::from(!log.is_empty()),
        log_octets: log.len() as u32,
        log: if log.is_empty() { 0 } else { log.as_mut_ptr() as u64 },
        kernel_version: 0,
        flags: 0,
        name: *NAME,
        interface: 0,
        attach_type: ATTACH_TYPE_XDP,
    };
    // SAFETY: it opens a descriptor; instructions, licence and log live through the call and have the stated lengths.
    unsafe { open(PROG_LOAD, &argument) }
}

/// Has an interface run a program for as long as the returned link is open: the kernel closes it with the process.
pub(super) fn attach(program: &OwnedFd, interface: NicIndex, mode: Mode) -> io::Result<OwnedFd> {
    let flags = match mode {
        Mode::Native => FLAG_DRV_MODE,
        Mode::Generic => FLAG_SKB_MODE,
    };
    let program = program.as_raw_fd() as u32;
    let argument = LinkCreate { program, interface: interface.0, attach_type: ATTACH_TYPE_XDP, flags };
    // SAFETY: it opens a descriptor, and there is no pointer in it.
    unsafe { open(LINK_CREATE, &argument) }
}

/// What a program makes of a frame, without sending it anywhere: `enum xdp_action`.
#[cfg(test)]
pub(super) fn run_once(program: &OwnedFd, frame: &[u8]) -> io::Result<u32> {
    const PROG_TEST_RUN: libc::c_int = 10;
    #[repr(C)]
    struct ProgTestRun {
        program: u32,
        result: u32,
        octets_in: u32,
        octets_out: u32,
        data_in: u64,
        data_out: u64,
        repeat: u32,
        duration: u32,
    }
    let mut argument = ProgTestRun {
        program: program.as_raw_fd() as u32,
        result: 0,
        octets_in: frame.len() as u32,
        octets_out: 0,
        data_in: frame.as_ptr() as u64,
        data_out: 0,
        repeat: 1,
        duration: 0,
    };
    let (at, octets) = (ptr::from_mut(&mut argument), size_of::<ProgTestRun>());
    // SAFETY: `frame` lives through the call, which writes its results into `argument` alone.
    let done = unsafe { libc::syscall(libc::SYS_bpf, PROG_TEST_RUN, at, octets) };
    if done == 0 { Ok(argument.result) } else { Err(io::Error::last_os_error()) }
}

/// What can be asked about an interface.
pub(super) struct Asked<'n> {
    name: &'n CString,
    socket: UdpSocket,
}

impl Asked<'_> {
    pub(super) fn new(name: &CString) -> io::Result<Asked<'_>> {
        Ok(Asked { name, socket: UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))? }) // any socket can be asked
    }

    /// The longest packet in octets, without the Ethernet header.
    pub(super) fn mtu(&self) -> io::Result<usize> {
        let answer = self.ask(libc::SIOCGIFMTU)?;
        // SAFETY: the kernel has filled this field in; any octets are a number.
        let mtu = unsafe { answer.ifr_ifru.ifru_mtu };
        Ok(usize::try_from(mtu).unwrap_or_default())
    }

    /// The hardware address; none when it is no Ethernet.
    pub(super) fn hardware_address(&self) -> io::Result<Option<[u8; 6]>> {
        let answer = self.ask(libc::SIOCGIFHWADDR)?;
        // SAFETY: the kernel has filled this field in; any octets are an address.
        let address = unsafe { answer.ifr_ifru.ifru_hwaddr };
        let [a, b, c, d, e, f, ..] = address.sa_data.map(|octet| octet as u8);
        Ok((address.sa_family == libc::ARPHRD_ETHER).then_some([a, b, c, d, e, f]))
    }

    fn ask(&self, what: libc::Ioctl) -> io::Result<libc::ifreq> {
        // SAFETY: all zeroes are a valid `ifreq`.
        let mut request: libc::ifreq = unsafe { zeroed() };
        let name = self.name.as_bytes();
        if name.len() >= request.ifr_name.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (to, from) in request.ifr_name.iter_mut().zip(name) {
            *to = *from as libc::c_char;
        }
        // SAFETY: both questions are asked with an `ifreq` that holds a name with its closing zero; they fill it in.
        let result = unsafe { libc::ioctl(self.socket.as_raw_fd(), what, ptr::from_mut(&mut request)) };
        if result == 0 { Ok(request) } else { Err(io::Error::last_os_error()) }
    }
}
