//! The planner, decision by decision.
