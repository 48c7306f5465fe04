//! Deploys one program on N vessels of a Seattle testbed and keeps it running there.
