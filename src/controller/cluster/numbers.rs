//! Which numbers a node may give to epochs and overrides, so that no two nodes ever give the same one.
//!
//! In a cluster the last digit tells who gave it: 0 is the register's, by a transaction that only one can win; 1 to 9 is
//! that node of the configuration, which could not ask anybody. So 20 and 30 were agreed on, and 23 is what the third
//! node answered on its own after 20. A single name server counts on by one.

/// As many nodes as a digit can name.
pub const NODES_MAX: usize = 9;

const BASE: u64 = 10;

/// How a node counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// Our place among the nodes, from 1; none for a single name server.
    place: Option<u64>,
}

impl Numbers {
    /// Those of a single name server.
    pub(in crate::controller) const SINGLE: Numbers = Numbers { place: None };

    /// Those of a node, by its place in the configuration, from 0.
    pub(in crate::controller) fn of_place(place: usize) -> Numbers {
        assert!(place < NODES_MAX, "the configuration has no more than {NODES_MAX} nodes");
        Numbers { place: Some(place as u64 + 1) }
    }

    /// The next one that is agreed on.
    pub(in crate::controller) fn agreed_after(self, number: u64) -> u64 {
        match self.place {
            None => number + 1,
            Some(_) => (number / BASE + 1) * BASE,
        }
    }

    /// The next one that is ours, whatever others do.
    pub(in crate::controller) fn own_after(self, number: u64) -> u64 {
        match self.place {
            None => number + 1,
            Some(place) => {
                let here = number / BASE * BASE + place;
                if here > number { here } else { here + BASE }
            }
        }
    }

    /// The place, from 0, of the node that gave a number on its own in a cluster; none for what was agreed on.
    #[must_use]
    pub fn giver(number: u64) -> Option<usize> {
        usize::try_from(number % BASE).ok()?.checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_name_server_counts_on() {
        assert_eq!((Numbers::SINGLE.agreed_after(7), Numbers::SINGLE.own_after(7)), (8, 8));
    }

    #[test]
    fn the_last_digit_tells_whose_it_is() {
        let third = Numbers::of_place(2);
        let check = |after: u64, agreed: u64, own: u64| {
            assert_eq!((third.agreed_after(after), third.own_after(after)), (agreed, own), "{after}");
            assert_eq!((Numbers::giver(agreed), Numbers::giver(own)), (None, Some(2)));
        };
        check(0, 10, 3);
        check(3, 10, 13);
        check(7, 10, 13);
        check(10, 20, 13);
        check(20, 30, 23);
        check(29, 30, 33);
    }
}
