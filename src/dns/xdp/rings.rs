//! A queue of an interface: its AF_XDP socket, its rings, and the memory that its frames lie in.
//!
//! What the rings' crate leaves to its user, and marks as `unsafe`, is that frames do not outlive the memory that they
//! lie in; here they never leave it.
#![allow(unsafe_code)]

use std::hint::black_box;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

use xdp::nic::NicIndex;
use xdp::slab::{HeapSlab, Slab};
use xdp::socket::{OptName, PollTimeout, SocketError, XdpSocket, XdpSocketBuilder};
use xdp::umem::{FrameSize, UmemCfgBuilder};
use xdp::{CompletionRing, Packet, RingConfigBuilder, RxRing, Umem, WakableFillRing, WakableTxRing};

use super::frame;
use super::kernel::Mode;

/// Frames of each queue, 2 KiB each: two milliseconds of what one core can answer. They are used in turn, so more of
/// them would only be colder. All rings are as long, so none can ever be full.
const FRAMES: u32 = 512;

/// Frames that are answered before they are sent: as many as one call to the kernel sends in copy mode.
const BATCH: usize = 32;

/// The first pause after something was sent. In copy mode the kernel may put off a reply when memory is short, and
/// takes it up at the next call, so the pauses grow from here.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// Octets that processors fetch from memory at once.
const CACHE_LINE: usize = 64;

/// Octets of a frame that are lent to be answered in: enough for any reply, and well within the 1792 octets that are
/// left of 2 KiB behind the kernel's part.
const ROOM: usize = 1344;
const _: () = assert!(ROOM >= frame::REPLY_MAX_OCTETS);

/// Where the opening of a queue can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// AF_XDP itself.
    Socket,
    /// The memory of the frames, which the kernel pins.
    Memory,
    /// The queue.
    Bind,
}

fn step(error: SocketError) -> (Step, io::Error) {
    match error {
        SocketError::SetSockOpt { inner, option: OptName::UmemRegion } => (Step::Memory, inner),
        SocketError::SocketCreation(inner)
        | SocketError::SetSockOpt { inner, .. }
        | SocketError::GetSockOpt { inner, .. }
        | SocketError::RingMap { inner, .. } => (Step::Socket, inner),
        SocketError::Bind(inner) => (Step::Bind, inner),
    }
}

/// One queue of an interface: its socket, its rings, and the memory that its frames lie in.
pub(in crate::dns) struct Queue {
    // In this order they are dropped: the memory goes after the socket, as the crate demands.
    socket: XdpSocket,
    receive: RxRing,
    send: WakableTxRing,
    fill: WakableFillRing,
    complete: CompletionRing,
    memory: Umem,
}

impl Queue {
    /// Binds a socket to a queue. In native mode the kernel uses the driver's zero copy where there is one.
    ///
    /// # Errors
    /// Where it failed, and what the kernel said.
    pub(super) fn open(interface: NicIndex, number: u32, mode: Mode) -> Result<Queue, (Step, io::Error)> {
        let memory =
            UmemCfgBuilder { frame_size: FrameSize::TwoK, frame_count: FRAMES, ..UmemCfgBuilder::default() };
        let memory = memory.build().expect("the numbers are constants within the limits");
        let mut memory = Umem::map(memory).map_err(|error| (Step::Memory, error))?;
        let rings = RingConfigBuilder {
            rx_count: FRAMES,
            tx_count: FRAMES,
            fill_count: FRAMES,
            completion_count: FRAMES,
        };
        let rings = rings.build().expect("the numbers are powers of two");
        let mut socket = XdpSocketBuilder::new().map_err(step)?;
        let (rings, mut flags) = socket.build_wakable_rings(&memory, rings).map_err(step)?;
        if mode == Mode::Generic {
            flags.force_copy();
        }
        let mut fill = rings.fill_ring;
        // SAFETY: `memory` outlives the socket: see the order in `Queue`; until then, `socket` is declared after it.
        let _ = unsafe { fill.enqueue(&mut memory, FRAMES as usize, false) }; // cannot fail without a wake-up
        let socket = socket.bind(interface, number, flags).map_err(step)?;
        Ok(Queue {
            socket,
            receive: rings.rx_ring.expect("a length was asked for"),
            send: rings.tx_ring.expect("a length was asked for"),
            fill,
            complete: rings.completion_ring,
            memory,
        })
    }

    /// The descriptor of its socket.
    pub(super) fn descriptor(&self) -> RawFd {
        self.socket.raw_fd()
    }

    /// Ready to be worked with, by the thread that calls this.
    pub(super) fn start(self) -> Rings {
        let slab = || HeapSlab::with_capacity(BATCH);
        Rings { received: slab(), answered: slab(), sending: 0, pause: FIRST_PAUSE, queue: self }
    }
}

/// `XDP_STATISTICS` of a socket: six numbers, as `struct xdp_statistics` has them.
#[derive(Clone, Copy)]
struct Statistics;

nix::getsockopt_impl!(
    Statistics,
    libc::SOL_XDP,
    libc::XDP_STATISTICS,
    [u64; 6],
    nix::sys::socket::sockopt::GetStruct<[u64; 6]>
);

/// A queue at work.
pub(super) struct Rings {
    // Frames lie in the memory of `queue` and are forgotten before it.
    received: HeapSlab,
    answered: HeapSlab,
    /// Frames that the kernel has not given back.
    sending: usize,
    pause: Duration,
    queue: Queue,
}

impl Rings {
    /// Takes the frames that are there, up to a batch. Returns how many.
    pub(super) fn receive(&mut self) -> usize {
        // SAFETY: the frames go to `received`, which does not outlive the memory in `queue`.
        let count = unsafe { self.queue.receive.recv(&self.queue.memory, &mut self.received) };
        self.touch(count);
        count
    }

    /// Looks at each frame once. Another core wrote them, so each look waits for its cache; here the waits overlap.
    fn touch(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(frame) = self.received.pop_back() {
                black_box((frame.first().copied(), frame.get(CACHE_LINE).copied()));
                self.received.push_front(frame); // in the end, all stand in their order again
            }
        }
    }

    /// Lets every frame be answered: `answer` takes [`ROOM`] octets and how many of them came, and leaves a frame to be
    /// sent and returns its length, or nothing for silence.
    pub(super) fn answer(&mut self, mut answer: impl FnMut(&mut [u8], usize) -> Option<usize>) {
        while let Some(frame) = self.received.pop_back() {
            let mut in_hand = InHand { frame: Some(frame), memory: &mut self.queue.memory };
            if let Some(frame) = in_hand.answered(&mut answer) {
                self.answered.push_front(frame);
            }
        }
    }

    /// Sends what was answered, gives the kernel its frames back, and waits until something comes, at most for `limit`.
    ///
    /// One call does it all: poll(2) sends first, and looks itself at whether the driver needs to be woken.
    pub(super) fn turn(&mut self, limit: Duration) -> io::Result<()> {
        let answered = self.answered.len();
        // SAFETY: the frames lie in the memory in `queue`, which outlives the socket.
        let queued = unsafe { self.queue.send.send(&mut self.answered, false) };
        debug_assert!(
            queued.is_ok_and(|queued| queued == answered),
            "the ring is as long as there are frames"
        );
        self.sending += answered;
        self.recycle();
        self.pause = if answered > 0 { FIRST_PAUSE } else { self.pause.saturating_mul(2) }.min(limit);
        let pause = if self.sending > 0 { self.pause } else { limit };
        let result = self.queue.socket.poll_read(PollTimeout::new(Some(pause)));
        self.recycle();
        result.map(drop)
    }

    /// How many frames for us the kernel has dropped, modulo 2³², because no frame was lent to it or the ring was full.
    pub(super) fn drops(&self) -> io::Result<u32> {
        // SAFETY: the socket stays open as long as `queue`, which is borrowed here.
        let socket = unsafe { BorrowedFd::borrow_raw(self.queue.descriptor()) };
        let [dropped, _, _, ring_full, ..] = nix::sys::socket::getsockopt(&socket, Statistics)?;
        Ok(dropped.wrapping_add(ring_full) as u32)
    }

    /// Takes back what was sent, and lends it and what was dropped to the kernel again.
    fn recycle(&mut self) {
        self.sending -= self.queue.complete.dequeue(&mut self.queue.memory, FRAMES as usize);
        // SAFETY: the memory in `queue` outlives the socket.
        let _ = unsafe { self.queue.fill.enqueue(&mut self.queue.memory, FRAMES as usize, false) }; // as in `open`
    }
}

/// A frame that is being answered. It goes back to the memory unless it is sent, also when answering panics: a queue
/// has no frames to lose.
struct InHand<'m> {
    frame: Option<Packet>,
    memory: &'m mut Umem,
}

impl InHand<'_> {
    /// The frame with its reply; none for silence.
    fn answered(&mut self, answer: impl FnOnce(&mut [u8], usize) -> Option<usize>) -> Option<Packet> {
        let frame = self.frame.as_mut()?;
        let came = frame.len().min(ROOM); // more is padding: the program takes no query that long
        let octets = if resize(frame, ROOM) { answer(frame, came)? } else { return None };
        if resize(frame, octets) { self.frame.take() } else { None }
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        if let Some(frame) = self.frame.take() {
            self.memory.free_packet(frame);
        }
    }
}

/// Makes a frame as long as that, if it has the room.
fn resize(frame: &mut Packet, octets: usize) -> bool {
    let (Ok(octets), Ok(now)) = (i32::try_from(octets), i32::try_from(frame.len())) else { return false };
    frame.adjust_tail(octets - now).is_ok()
}
