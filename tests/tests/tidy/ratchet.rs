//! Tables of what is still allowed, which only become shorter: an entry that is no longer needed fails its test as well.

use std::collections::BTreeSet;

/// What a table and the code say differently, a sentence each. `what` is what an entry stands for, `better` what is
/// wanted in its place.
pub(crate) fn differences(
    what: &str,
    better: &str,
    found: &BTreeSet<String>,
    allowed: &BTreeSet<String>,
) -> Vec<String> {
    let new = found
        .difference(allowed)
        .map(|entry| format!("{entry}: {what} that is not in the table; wanted is {better}"));
    let stale = allowed
        .difference(found)
        .map(|entry| format!("{entry}: no longer {what}; take it out of the table"));
    new.chain(stale).collect()
}

/// Fails where table and code differ.
pub(crate) fn hold(what: &str, better: &str, found: &BTreeSet<String>, allowed: &BTreeSet<String>) {
    let sentences = differences(what, better, found, allowed);
    assert!(sentences.is_empty(), "{}", sentences.join("\n"));
}

#[test]
fn what_is_new_and_what_is_no_longer_needed_are_both_told() {
    let set = |entries: &[&str]| entries.iter().map(|&entry| entry.to_owned()).collect();
    let told = differences("a knot", "a bow", &set(&["a", "b"]), &set(&["b", "c"]));
    assert_eq!(
        told,
        [
            "a: a knot that is not in the table; wanted is a bow",
            "c: no longer a knot; take it out of the table",
        ]
    );
}
