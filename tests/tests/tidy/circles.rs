//! No two files of a crate use each other, directly or through others: what each of them is for could not be said
//! without the other, and neither could be moved or tested alone.

use std::collections::BTreeSet;

use crate::crates;
use crate::module_graph::ModuleGraph;
use crate::ratchet;

/// Circles that are still there: the crate's folder, and all files of the circle, below `src` and sorted.
///
/// The machine's: a value is an object of any kind, an object that goes hands on the values that it held, and keys are
/// found by comparing values. The machine is among them since a native function is a value too, and is given the machine.
const CIRCLES: &[(&str, &[&str])] = &[(
    "repy-machine",
    &[
        "machine.rs",
        "machine/frame.rs",
        "machine/host.rs",
        "object.rs",
        "object/budget.rs",
        "object/class.rs",
        "object/dict.rs",
        "object/equality.rs",
        "object/exception.rs",
        "object/function.rs",
        "object/hash.rs",
        "object/instance.rs",
        "object/iter.rs",
        "object/list.rs",
        "object/reclaim.rs",
        "object/set.rs",
        "object/tuple.rs",
    ],
)];

/// A circle as the table and its test name it.
fn name<'a>(folder: &str, files: impl IntoIterator<Item = &'a str>) -> String {
    let files: Vec<String> = files.into_iter().map(|file| format!("{file:?}")).collect();
    format!("({folder:?}, &[{}])", files.join(", "))
}

/// The circles of a crate, each with the arrows that it is made of.
fn circles_of(folder: &str, graph: &ModuleGraph) -> Vec<(String, String)> {
    let arrows = graph.arrows();
    let told = |circle: &BTreeSet<&str>| {
        let lines: Vec<String> = circle
            .iter()
            .flat_map(|from| {
                let inside = arrows[from].iter().filter(|to| circle.contains(*to));
                inside.map(move |to| format!("    {from} uses {to}"))
            })
            .collect();
        lines.join("\n")
    };
    graph
        .circles()
        .iter()
        .map(|circle| (name(folder, circle.iter().copied()), told(circle)))
        .collect()
}

#[test]
fn files_of_a_crate_do_not_use_each_other_in_circles() {
    let allowed: BTreeSet<String> = CIRCLES
        .iter()
        .map(|(folder, files)| name(folder, files.iter().copied()))
        .collect();
    let found: Vec<(String, String)> = crates()
        .iter()
        .flat_map(|(folder, graph)| circles_of(folder, graph))
        .collect();
    let names = found.iter().map(|(name, _)| name.clone()).collect();
    let mut told = ratchet::differences(
        "a circle",
        "arrows that point one way, or what is left of a circle of the table in its place",
        &names,
        &allowed,
    );
    for (name, arrows) in found {
        if !allowed.contains(&name) {
            told.push(format!("{name} is made of\n{arrows}"));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn circles_are_found_whatever_way_a_name_takes() {
    let folder = tempfile::tempdir().unwrap();
    let circles = |files: &[(&str, &str)]| -> Vec<String> {
        let graph = ModuleGraph::of(folder.path(), files);
        circles_of("x", &graph)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    };
    let root = ("lib.rs", "mod a; mod b; pub use a::A; pub use b::B;");
    let uses_a = ("b.rs", "use crate::a; pub struct B(a::A);");
    for uses_b in [
        "use crate::b::B; pub struct A(B);",
        "pub struct A; fn f() { super::b::B::new(); }",
        "pub struct A; fn f() -> Vec<u8> { vec![crate :: B::new()] }",
        "use crate::*; pub struct A(B);",
        "pub struct A; mod inner { use super::super::b::B as _; }",
    ] {
        let found = circles(&[root, ("a.rs", uses_b), uses_a]);
        assert_eq!(found, [r#"("x", &["a.rs", "b.rs"])"#], "{uses_b}");
    }
    for without in [
        "pub struct A; fn f() { std::mem::swap(1, 2); }",
        "pub struct A; pub use crate::b::B as Other;",
        "pub struct A; #[cfg(test)] mod tests { use crate::b::B; }",
        "pub struct A; #[cfg(test)] use crate::b::B;",
    ] {
        assert_eq!(
            circles(&[root, ("a.rs", without), uses_a]),
            [""; 0],
            "{without}"
        );
    }
    let below = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "mod c; pub struct A; fn f() { c::go(); }"),
        ("a/c.rs", "pub fn go(_: super::A) {}"),
        ("b.rs", "use crate::a::A;"),
    ];
    assert_eq!(circles(&below), [r#"("x", &["a.rs", "a/c.rs"])"#]);
}
