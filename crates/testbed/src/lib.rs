//! An embedded Seattle testbed: clearinghouse server and nodes, in one process, with fault knobs.
