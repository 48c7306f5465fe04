//! What a node answers about a program that is not there or not Repy, in which the original's two runtimes differ.

/// How a node answers where there is no such program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The vessel has ended.
    Ended,
    /// Nothing is ever heard of it: the vessel keeps its status.
    NeverStarts,
}

/// How a node answers where the program is none of this dialect. The log says why in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The vessel has ended.
    Ended,
    /// As if the platform were not supported.
    Unsupported,
}
