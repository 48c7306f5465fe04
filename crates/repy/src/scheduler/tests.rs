//! The scheduler under a clock of numbers.
