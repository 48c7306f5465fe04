//! `cargo xtask ci`: what a change must pass. The cheap steps come first, so that they fail first.

use std::process::Command;

/// One step: its name, what is run, and what is set in its environment.
struct Step {
    name: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

/// The steps in their order. The last is the test command of README.
const STEPS: &[Step] = &[
    Step {
        name: "format",
        arguments: &["fmt", "--all", "--check"],
        environment: &[],
    },
    Step {
        name: "lints",
        arguments: &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ],
        environment: &[],
    },
    Step {
        name: "docs",
        arguments: &["doc", "--workspace", "--no-deps", "--locked"],
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
    },
    Step {
        name: "tests",
        arguments: &["test", "--workspace"],
        environment: &[],
    },
];

/// Runs every step and stops at the first that fails.
pub(crate) fn run() -> Result<(), String> {
    for step in STEPS {
        println!(
            "xtask ci: {} (cargo {})",
            step.name,
            step.arguments.join(" ")
        );
        let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(step.arguments)
            .envs(step.environment.iter().copied())
            .status()
            .map_err(|error| format!("cargo cannot be started: {error}"))?;
        if !status.success() {
            return Err(format!("{} did not pass ({status})", step.name));
        }
    }
    println!("xtask ci: all passed");
    Ok(())
}
