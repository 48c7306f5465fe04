//! The Seattle node daemon: vessels, their files, logs, resources and processes.
