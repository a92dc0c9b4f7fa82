//! The few eBPF instructions that [`super::program`] is written in, and the jumps between its lines.
//!
//! An instruction is 64 bits: operation, registers, offset, constant (RFC 9669 section 3). Numbers that come out of a
//! packet are compared as they lie there, so constants are turned with `to_be` instead.

/// A register: `r0` takes results, `r1` to `r5` arguments, `r6` to `r9` outlive calls, `r10` is the stack's end.
#[derive(Clone, Copy)]
pub(super) struct Register(pub(super) u8);

/// A place in the program that is jumped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(pub(super) &'static str);

/// A line of the program.
pub(super) enum Line {
    /// An instruction.
    Do(u64),
    /// An instruction that may go on at a mark instead of at the next line.
    Jump(u64, Mark),
    /// Where jumps lead.
    At(Mark),
}

/// How many octets are read or written.
#[derive(Clone, Copy)]
pub(super) enum Width {
    One,
    Two,
    Four,
    Eight,
}

impl Width {
    /// The size bits of an operation.
    fn bits(self) -> u8 {
        match self {
            Width::Four => 0x00,
            Width::Two => 0x08,
            Width::One => 0x10,
            Width::Eight => 0x18,
        }
    }
}

fn encode(operation: u8, to: Register, from: Register, offset: i16, constant: i32) -> u64 {
    u64::from_ne_bytes({
        let registers = if cfg!(target_endian = "little") { from.0 << 4 | to.0 } else { to.0 << 4 | from.0 };
        let [offset_0, offset_1] = offset.to_ne_bytes();
        let [constant_0, constant_1, constant_2, constant_3] = constant.to_ne_bytes();
        [operation, registers, offset_0, offset_1, constant_0, constant_1, constant_2, constant_3]
    })
}

const NONE: Register = Register(0);

/// `to = from`
pub(super) fn copy(to: Register, from: Register) -> Line {
    Line::Do(encode(0xbf, to, from, 0, 0))
}

/// `to = constant`
pub(super) fn set(to: Register, constant: i32) -> Line {
    Line::Do(encode(0xb7, to, NONE, 0, constant))
}

/// `to += from`
pub(super) fn add(to: Register, from: Register) -> Line {
    Line::Do(encode(0x0f, to, from, 0, 0))
}

/// `to += constant`
pub(super) fn add_constant(to: Register, constant: i32) -> Line {
    Line::Do(encode(0x07, to, NONE, 0, constant))
}

/// `to &= constant`
pub(super) fn keep(to: Register, constant: i32) -> Line {
    Line::Do(encode(0x57, to, NONE, 0, constant))
}

/// `to <<= bits`
pub(super) fn shift_left(to: Register, bits: i32) -> Line {
    Line::Do(encode(0x67, to, NONE, 0, bits))
}

/// `to >>= bits`
pub(super) fn shift_right(to: Register, bits: i32) -> Line {
    Line::Do(encode(0x77, to, NONE, 0, bits))
}

/// `to = from`, its low 32 bits
pub(super) fn copy_low(to: Register, from: Register) -> Line {
    Line::Do(encode(0xbc, to, from, 0, 0))
}

/// `to`, 16 bits as they lay in a packet, becomes the number that they mean, or the other way round
pub(super) fn turn_16(to: Register) -> Line {
    Line::Do(encode(0xdc, to, NONE, 0, 16))
}

/// `to = what lies at (at + offset)`
pub(super) fn load(width: Width, to: Register, at: Register, offset: i16) -> Line {
    Line::Do(encode(0x61 | width.bits(), to, at, offset, 0))
}

/// `what lies at (at + offset) = from`
pub(super) fn store(width: Width, at: Register, offset: i16, from: Register) -> Line {
    Line::Do(encode(0x63 | width.bits(), at, from, offset, 0))
}

/// `what lies at (at + offset) = constant`
pub(super) fn store_constant(width: Width, at: Register, offset: i16, constant: i32) -> Line {
    Line::Do(encode(0x62 | width.bits(), at, NONE, offset, constant))
}

/// `to = the map with this descriptor`: a constant of 64 bits, in two parts
pub(super) fn load_map(to: Register, descriptor: i32) -> [Line; 2] {
    const IS_MAP: Register = Register(1);
    [Line::Do(encode(0x18, to, IS_MAP, 0, descriptor)), Line::Do(0)]
}

/// `r0 = helper(r1, …)`
pub(super) fn call(helper: i32) -> Line {
    Line::Do(encode(0x85, NONE, NONE, 0, helper))
}

/// Ends with what is in `r0`.
pub(super) fn exit() -> Line {
    Line::Do(encode(0x95, NONE, NONE, 0, 0))
}

/// Goes on at the mark.
pub(super) fn go(to: Mark) -> Line {
    Line::Jump(encode(0x05, NONE, NONE, 0, 0), to)
}

/// Goes on at the mark if `register == constant`.
pub(super) fn go_if_equal(register: Register, constant: i32, to: Mark) -> Line {
    Line::Jump(encode(0x15, register, NONE, 0, constant), to)
}

/// Goes on at the mark if `register != constant`.
pub(super) fn go_if_not(register: Register, constant: i32, to: Mark) -> Line {
    Line::Jump(encode(0x55, register, NONE, 0, constant), to)
}

/// The same for the low 32 bits.
pub(super) fn go_if_not_32(register: Register, constant: i32, to: Mark) -> Line {
    Line::Jump(encode(0x56, register, NONE, 0, constant), to)
}

/// Goes on at the mark if `register != other`.
pub(super) fn go_if_differ(register: Register, other: Register, to: Mark) -> Line {
    Line::Jump(encode(0x5d, register, other, 0, 0), to)
}

/// Goes on at the mark if `register > constant`, both without a sign.
pub(super) fn go_if_above(register: Register, constant: i32, to: Mark) -> Line {
    Line::Jump(encode(0x25, register, NONE, 0, constant), to)
}

/// Goes on at the mark if `register < constant`, both without a sign.
pub(super) fn go_if_below(register: Register, constant: i32, to: Mark) -> Line {
    Line::Jump(encode(0xa5, register, NONE, 0, constant), to)
}

/// Goes on at the mark if `register > other`: for the verifier, the proof of a bound.
pub(super) fn go_if_beyond(register: Register, other: Register, to: Mark) -> Line {
    Line::Jump(encode(0x2d, register, other, 0, 0), to)
}

/// The instructions, with every jump led to its mark.
///
/// # Panics
/// When a mark is missing or out of reach: the program is a constant of ours.
pub(super) fn assemble(lines: &[Line]) -> Vec<u64> {
    let mut marks = Vec::new();
    let mut length = 0;
    for line in lines {
        match line {
            Line::Do(_) | Line::Jump(..) => length += 1,
            Line::At(mark) => marks.push((*mark, length)),
        }
    }
    let place = |wanted: Mark| {
        let found = marks.iter().find(|(mark, _)| *mark == wanted);
        found.unwrap_or_else(|| panic!("nothing is marked {wanted:?}")).1
    };
    let mut instructions = Vec::with_capacity(length);
    for line in lines {
        match line {
            Line::Do(instruction) => instructions.push(*instruction),
            Line::Jump(instruction, mark) => {
                let next = i64::try_from(instructions.len() + 1).expect("a short program");
                let target = i64::try_from(place(*mark)).expect("a short program");
                let offset = i16::try_from(target - next).expect("a jump within reach");
                let [low, high] = offset.to_ne_bytes();
                let mut octets = instruction.to_ne_bytes();
                octets[2..4].copy_from_slice(&[low, high]);
                instructions.push(u64::from_ne_bytes(octets));
            }
            Line::At(_) => {}
        }
    }
    instructions
}

#[cfg(test)]
mod tests {
    use super::*;

    const R0: Register = Register(0);
    const R2: Register = Register(2);

    /// As the kernel's own assembler writes them.
    #[test]
    #[cfg(target_endian = "little")]
    fn instructions_are_laid_out_as_the_kernel_reads_them() {
        let back = Mark("back");
        let on = Mark("on");
        let program = [
            load(Width::Two, R2, Register(7), 12),
            Line::At(back),
            go_if_not(R2, 0x0008, on),
            go(back),
            Line::At(on),
            set(R0, -2),
            exit(),
        ];
        assert_eq!(
            assemble(&program),
            [
                0x0000_0000_000c_7269,
                0x0000_0008_0001_0255,
                0x0000_0000_fffe_0005,
                0xffff_fffe_0000_00b7,
                0x0000_0000_0000_0095,
            ]
        );
    }

    #[test]
    #[should_panic(expected = "nothing is marked Mark(\"nowhere\")")]
    fn a_jump_to_nowhere_is_found() {
        assemble(&[go(Mark("nowhere"))]);
    }
}
