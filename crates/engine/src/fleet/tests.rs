//! The fleet, event by event.
