//! The overlord itself: pure planner, vessel life cycle, hooks, and the runner over ports.
