//! The floors of the machine that runs Repy: a module uses what is on its own floor and on those below, never what is
//! above.
//!
//! [`circles`](crate::circles) holds that files don't use each other in circles; this says which way the arrows between
//! modules point. Modules of one floor may use each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::crates;

/// The crate that has floors.
const CRATE: &str = "repy-machine";

/// Its modules from the bottom up.
const FLOORS: &[&[&str]] = &[
    // Words for stopping and denying, and what the system tells. They know no object.
    &["pages", "stop"],
    // The numbers of the machine that is at work.
    &["meter"],
    // Counting: who takes memory, does work or goes deep asks here first.
    &["depth", "memory", "program", "work"],
    // Strings, and numbers without the values that hold them.
    &["number", "string"],
    // Names.
    &["symbol"],
    // What a compiled program consists of, whatever its constants are.
    &["bytecode"],
    // Objects and the data of the machine that native functions are given.
    &["machine", "object"],
    // What needs no machine to be told of two objects.
    &["arithmetic", "compare"],
    // What is done with objects, and programs made into instructions.
    &["builtins", "compiler", "methods", "text"],
    // The interpreter.
    &["vm"],
    // The door.
    &["lib"],
];

/// The module a file belongs to: the first part of its path.
fn module(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// What the arrows between files (`from`, `to`) break, a sentence each.
fn violations<'a>(
    floors: &[&[&str]],
    arrows: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> BTreeSet<String> {
    let number: BTreeMap<&str, usize> = floors
        .iter()
        .enumerate()
        .flat_map(|(number, modules)| modules.iter().map(move |module| (*module, number)))
        .collect();
    let mut sentences = BTreeSet::new();
    for (from, to) in arrows {
        match (number.get(module(from)), number.get(module(to))) {
            (Some(own), Some(other)) if other <= own => {}
            (Some(_), Some(_)) => {
                sentences.insert(format!("{from} uses {to}, which is on a higher floor"));
            }
            (None, _) => {
                sentences.insert(format!("{} is on no floor", module(from)));
            }
            (_, None) => {
                sentences.insert(format!("{} is on no floor", module(to)));
            }
        }
    }
    sentences
}

#[test]
fn no_module_of_the_machine_uses_a_higher_floor() {
    let all = crates();
    let graph = all
        .iter()
        .find(|(folder, _)| *folder == CRATE)
        .map(|(_, graph)| graph)
        .unwrap();
    let arrows = graph.arrows();
    let pairs = arrows
        .iter()
        .flat_map(|(from, targets)| targets.iter().map(move |to| (*from, *to)));
    let told = violations(FLOORS, pairs);
    assert!(
        told.is_empty(),
        "{}",
        told.into_iter().collect::<Vec<_>>().join("\n")
    );
    let there: BTreeSet<&str> = arrows.keys().map(|file| module(file)).collect();
    for name in FLOORS.iter().flat_map(|floor| floor.iter()) {
        assert!(there.contains(name), "{name} has a floor, but is no module");
    }
}

#[test]
fn an_arrow_upwards_and_a_module_without_a_floor_are_noticed() {
    let floors: &[&[&str]] = &[&["low"], &["one", "other"]];
    let told = |arrows: &[(&str, &str)]| -> Vec<String> {
        violations(floors, arrows.iter().copied())
            .into_iter()
            .collect()
    };
    assert_eq!(
        told(&[
            ("one.rs", "low/deep.rs"),
            ("other/a.rs", "one.rs"),
            ("one.rs", "other.rs")
        ]),
        [""; 0]
    );
    assert_eq!(
        told(&[("low/deep.rs", "one/a.rs"), ("new.rs", "low.rs")]),
        [
            "low/deep.rs uses one/a.rs, which is on a higher floor",
            "new is on no floor",
        ]
    );
}
