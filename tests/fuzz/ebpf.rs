//! As much of an eBPF machine (RFC 9669) as the frame program needs, so that it runs without a kernel and without root.
//!
//! Each access is judged: outside of the frame, the stack or what it may read of `xdp_md`, the program has a mistake that the
//! kernel's verifier should have found.

/// The numbers that stand for the maps.
pub(crate) const ADDRESSES: i32 = 1001;
pub(crate) const SOCKETS: i32 = 1002;

/// Where things lie; no two are near each other.
const CONTEXT_AT: u64 = 1 << 40;
const FRAME_AT: u64 = 2 << 40;
const STACK_AT: u64 = 3 << 40;
const VALUE_AT: u64 = 4 << 40;

const STACK_OCTETS: usize = 512;
const KEY_OCTETS: usize = 20;

const XDP_PASS: u64 = 2;
const XDP_REDIRECT: u64 = 4;

/// The program has no loop, so it ends after as many steps as it has lines.
pub(crate) struct Machine {
    program: Vec<Instruction>,
    /// The keys of the map of addresses.
    known: Vec<Vec<u8>>,
}

#[derive(Clone, Copy)]
struct Instruction {
    operation: u8,
    to: usize,
    from: usize,
    offset: i16,
    constant: i32,
}

struct Run<'r> {
    machine: &'r Machine,
    frame: &'r [u8],
    stack: [u8; STACK_OCTETS],
    registers: [u64; 11],
}

impl Machine {
    pub(crate) fn new(program: Vec<u64>, known: Vec<Vec<u8>>) -> Machine {
        let instruction = |octets: u64| {
            let [operation, registers, low, high, a, b, c, d] = octets.to_ne_bytes();
            let (high_half, low_half) = (usize::from(registers >> 4), usize::from(registers & 0xf));
            let is_little = cfg!(target_endian = "little");
            let (to, from) = if is_little { (low_half, high_half) } else { (high_half, low_half) };
            let (offset, constant) = (i16::from_ne_bytes([low, high]), i32::from_ne_bytes([a, b, c, d]));
            Instruction { operation, to, from, offset, constant }
        };
        Machine { program: program.into_iter().map(instruction).collect(), known }
    }

    /// Whether the program takes a frame; otherwise the kernel gets it.
    pub(crate) fn takes(&self, frame: &[u8]) -> bool {
        // What a register or the stack holds at first is none of the program's business.
        let mut registers = [0xdead_beef_dead_beef; 11];
        (registers[1], registers[10]) = (CONTEXT_AT, STACK_AT + STACK_OCTETS as u64);
        let mut run = Run { machine: self, frame, stack: [0xa5; STACK_OCTETS], registers };
        match run.play() {
            XDP_REDIRECT => true,
            XDP_PASS => false,
            other => panic!("verdict {other}: nothing is ever dropped"),
        }
    }
}

impl Run<'_> {
    fn play(&mut self) -> u64 {
        let mut next = 0;
        for _ in 0..=self.machine.program.len() {
            let line = self.machine.program[next];
            next += 1;
            match line.operation {
                0x95 => return self.registers[0],
                0x18 => {
                    self.registers[line.to] = line.constant as u64;
                    next += 1; // the upper half of the constant
                }
                0x85 => self.call(line.constant),
                operation if [5, 6].contains(&(operation & 7)) => {
                    if self.jumps(line) {
                        next = next.checked_add_signed(line.offset.into()).expect("a line of the program");
                    }
                }
                operation if operation & 7 <= 3 => self.access(line),
                _ => self.compute(line),
            }
        }
        panic!("the program does not end")
    }

    fn compute(&mut self, Instruction { operation, to, from, constant, .. }: Instruction) {
        let (other, constant) = (self.registers[from], i64::from(constant).cast_unsigned());
        let register = &mut self.registers[to];
        *register = match operation {
            0xbf => other,
            0xbc => other & 0xffff_ffff,
            0xb7 => constant,
            0x0f => register.wrapping_add(other),
            0x07 => register.wrapping_add(constant),
            0x57 => *register & constant,
            0x67 => *register << constant,
            0x77 => *register >> constant,
            0xdc if constant == 16 => u64::from((*register as u16).to_be()),
            _ => panic!("operation {operation:#x}"),
        };
    }

    fn jumps(&self, Instruction { operation, to, from, constant, .. }: Instruction) -> bool {
        let (register, other) = (self.registers[to], self.registers[from]);
        let constant = i64::from(constant).cast_unsigned();
        match operation {
            0x05 => true,
            0x15 => register == constant,
            0x55 => register != constant,
            0x56 => register as u32 != constant as u32, // the low 32 bits
            0x5d => register != other,
            0x25 => register > constant,
            0xa5 => register < constant,
            0x2d => register > other,
            _ => panic!("operation {operation:#x}"),
        }
    }

    fn access(&mut self, Instruction { operation, to, from, offset, constant }: Instruction) {
        let width = match operation & 0x18 {
            0x00 => 4,
            0x08 => 2,
            0x10 => 1,
            _ => 8,
        };
        let at = |register: u64| register.wrapping_add_signed(offset.into());
        match operation & !0x18 {
            0x61 => self.registers[to] = self.load(at(self.registers[from]), width),
            0x63 => self.store(at(self.registers[to]), width, self.registers[from]),
            0x62 => self.store(at(self.registers[to]), width, i64::from(constant).cast_unsigned()),
            _ => panic!("operation {operation:#x}"),
        }
    }

    fn load(&self, at: u64, width: usize) -> u64 {
        if let Some(field) = at.checked_sub(CONTEXT_AT).filter(|field| *field < 24) {
            return match (field, width) {
                (0, 4) => FRAME_AT,
                (4, 4) => FRAME_AT + self.frame.len() as u64,
                (16, 4) => 0, // the first queue
                _ => panic!("{width} octets of xdp_md at {field}"),
            };
        }
        let octets = self.octets(at, width);
        let mut value = [0; 8];
        if cfg!(target_endian = "little") {
            value[..width].copy_from_slice(octets);
        } else {
            value[8 - width..].copy_from_slice(octets);
        }
        u64::from_ne_bytes(value)
    }

    fn octets(&self, at: u64, width: usize) -> &[u8] {
        let (start, memory) = if at >= STACK_AT {
            (at - STACK_AT, &self.stack[..])
        } else {
            (at.wrapping_sub(FRAME_AT), self.frame)
        };
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let end = start.checked_add(width).filter(|end| *end <= memory.len());
        &memory[start..end.unwrap_or_else(|| panic!("{width} octets at {at:#x}, outside of everything"))]
    }

    fn store(&mut self, at: u64, width: usize, value: u64) {
        let start = at.checked_sub(STACK_AT).and_then(|start| usize::try_from(start).ok());
        let place = start.and_then(|start| self.stack.get_mut(start..start.checked_add(width)?));
        let place =
            place.unwrap_or_else(|| panic!("{width} octets are written at {at:#x}, outside of the stack"));
        let octets = value.to_ne_bytes();
        let kept = if cfg!(target_endian = "little") { &octets[..width] } else { &octets[8 - width..] };
        place.copy_from_slice(kept);
    }

    fn call(&mut self, helper: i32) {
        let [_, map, second, third, ..] = self.registers;
        let result = match (helper, map as i32) {
            (1, ADDRESSES) => {
                let key = self.octets(second, KEY_OCTETS);
                let is_known = self.machine.known.iter().any(|known| known == key);
                if is_known { VALUE_AT } else { 0 }
            }
            // The first queue has a socket, and no other.
            (51, SOCKETS) => {
                if second == 0 {
                    XDP_REDIRECT
                } else {
                    third
                }
            }
            _ => panic!("helper {helper} with map {map}"),
        };
        // A call leaves nothing in the registers of its arguments.
        self.registers[..6].fill(0xdead_beef_dead_beef);
        self.registers[0] = result;
    }
}
