//! A name of a public type means one thing in the whole workspace: who reads it in one crate needs not ask whose it is.

use std::collections::{BTreeMap, BTreeSet};

use crate::crates;
use crate::ratchet;

/// Names that are still declared in several crates, the name and the folders of the crates: none.
const SHARED: &[(&str, &[&str])] = &[];

/// Each name that several crates declare and one of them publicly, with their folders. A name is what readers know: that
/// the second crate keeps its type to itself does not help them.
fn shared<'a>(
    declared: impl IntoIterator<Item = (&'a str, BTreeMap<&'a str, bool>)>,
) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut public: BTreeSet<&str> = BTreeSet::new();
    for (folder, types) in declared {
        for (name, is_public) in types {
            folders.entry(name).or_default().push(folder);
            if is_public {
                public.insert(name);
            }
        }
    }
    folders.retain(|name, folders| folders.len() > 1 && public.contains(name));
    folders
}

#[test]
fn the_name_of_a_public_type_is_declared_in_one_crate() {
    let graphs = crates()
        .iter()
        .map(|(folder, graph)| (folder.as_str(), graph.types()));
    let found = shared(graphs)
        .into_iter()
        .map(|(name, folders)| format!("({name:?}, &{folders:?})"))
        .collect();
    let allowed = SHARED
        .iter()
        .map(|(name, folders)| format!("({name:?}, &{folders:?})"))
        .collect();
    ratchet::hold(
        "a name of several crates",
        "a name for each thing",
        &found,
        &allowed,
    );
}

#[test]
fn a_name_of_two_crates_is_noticed() {
    let declared = [
        ("a", [("X", true), ("Y", true), ("Z", false)].into()),
        ("b", [("Y", false), ("Z", false)].into()),
    ];
    assert_eq!(shared(declared), [("Y", vec!["a", "b"])].into());
}
