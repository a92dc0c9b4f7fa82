//! The door.

fn main(){}
