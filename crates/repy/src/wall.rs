//! The second wall: what the operating system refuses to a program's process, should the language let something by.
//!
//! [`raise`] is called after the log is open and before the first byte of the user's is read, by a process that
//! runs one program and nothing else. Four layers, each of which holds without the others and without root:
//!
//! | layer | by | refuses |
//! |---|---|---|
//! | [`Layer::Privileges`] | no new privileges, no capabilities | what root or a set-user-id program could do |
//! | [`Layer::Limits`] | resource limits | memory, descriptors and file sizes beyond the vessel's |
//! | [`Layer::Places`] | Landlock | files outside of the vessel's folder, other TCP ports, signals to others |
//! | [`Layer::Calls`] | seccomp | every system call that the runtime does not need |
//!
//! Where the kernel lacks a layer the others are raised all the same, and the [`WallReport`] says so. There is
//! no way back: a wall that was raised stays until the process ends, on its later threads too.
//!
//! It does not count what a program uses (the accounting does), and knows no names of the API.

mod limits;
mod places;
mod policy;
mod privileges;
mod report;
mod self_test;
mod system_calls;

pub use policy::{Layer, WallPolicy};
pub use report::{Level, WallReport};
pub use self_test::{SelfTest, Trial, self_test, self_test_main};

/// Raises the wall around this process, as much of it as the kernel has.
///
/// To be called while the process has one thread; a kernel before 7.0 binds only the calling thread, and those
/// that it starts, to [`Layer::Places`].
pub fn raise(policy: &WallPolicy) -> WallReport {
    let mut report = WallReport::default();
    for layer in Layer::ALL {
        let level = if policy.raises(layer) {
            match layer {
                Layer::Privileges => privileges::drop_all(),
                Layer::Limits => limits::set(policy),
                Layer::Places => places::restrict(policy),
                Layer::Calls => system_calls::restrict(),
            }
        } else {
            Level::Off
        };
        report.set(layer, level);
    }
    report
}
