//! Numbers that look random and are the same for the same seed (SplitMix64).

/// A source of them.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// From a seed; neighbours among seeds have nothing in common.
    pub(crate) fn of(seed: u64) -> Dice {
        let mut dice = Dice(seed ^ 0x5851_f42d_4c95_7f2d);
        dice.roll();
        Dice(dice.roll() ^ seed.rotate_left(17))
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `least` up to and without `end`.
    pub(crate) fn number(&mut self, least: u64, end: u64) -> u64 {
        least + self.roll() % (end - least)
    }

    /// True so many times of a hundred.
    pub(crate) fn chance(&mut self, of_a_hundred: u64) -> bool {
        self.number(0, 100) < of_a_hundred
    }

    /// One of these.
    pub(crate) fn one_of<'t, T>(&mut self, choices: &'t [T]) -> &'t T {
        &choices[usize::try_from(self.number(0, choices.len() as u64)).expect("an index")]
    }
}
