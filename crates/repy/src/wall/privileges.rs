//! No new privileges, and none of the old: a process that root starts behind the wall can do no more than another.

use rustix::io;
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities, set_no_new_privs,
};

use super::report::Level;

/// Gives up what the process may do beyond an ordinary one, for ever.
pub(super) fn drop_all() -> Level {
    if let Err(error) = set_no_new_privs(true) {
        return Level::Missing(error.to_string());
    }
    match drop_capabilities() {
        Ok(()) => Level::Full,
        Err(error) => Level::Partial(format!("capabilities are kept: {error}")),
    }
}

fn drop_capabilities() -> io::Result<()> {
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )
}
