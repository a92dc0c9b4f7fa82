//! The same answers found the slow way: a list of records, searched from the start for every question.
