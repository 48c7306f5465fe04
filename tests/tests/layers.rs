//! The arrows between the crates: the only ones allowed, as ARCHITECTURE.md draws them.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Which of our crates each crate may depend on, dev-dependencies left out.
const ALLOWED: &[(&str, &[&str])] = &[
    ("overlord-bug", &[]),
    ("overlord-types", &[]),
    ("overlord-resources", &[]),
    ("overlord-time", &[]),
    ("overlord-files", &[]),
    ("overlord-keys", &["overlord-files", "overlord-types"]),
    (
        "overlord-nodemanager",
        &[
            "overlord-keys",
            "overlord-resources",
            "overlord-time",
            "overlord-types",
        ],
    ),
    (
        "overlord-clearinghouse",
        &["overlord-files", "overlord-time", "overlord-types"],
    ),
    (
        "overlord-engine",
        &["overlord-bug", "overlord-time", "overlord-types"],
    ),
    (
        "overlord",
        &[
            "overlord-clearinghouse",
            "overlord-engine",
            "overlord-files",
            "overlord-keys",
            "overlord-nodemanager",
            "overlord-time",
            "overlord-types",
        ],
    ),
    ("overlord-repy-syntax", &["overlord-bug"]),
    (
        "overlord-repy-machine",
        &["overlord-bug", "overlord-repy-syntax"],
    ),
    (
        "overlord-repy",
        &[
            "overlord-bug",
            "overlord-repy-machine",
            "overlord-repy-syntax",
            "overlord-resources",
        ],
    ),
    (
        "overlord-node",
        &[
            "overlord-files",
            "overlord-keys",
            "overlord-nodemanager",
            "overlord-repy",
            "overlord-resources",
            "overlord-time",
            "overlord-types",
        ],
    ),
    (
        "overlord-testbed",
        &[
            "overlord-clearinghouse",
            "overlord-files",
            "overlord-keys",
            "overlord-node",
            "overlord-nodemanager",
            "overlord-resources",
            "overlord-time",
            "overlord-types",
        ],
    ),
    ("overlord-cli", &["overlord", "overlord-testbed"]),
    ("overlord-tests", &[]),
    ("xtask", &[]),
];

/// Crates that open no socket and know no TLS: what they must not depend on, directly.
const WITHOUT_SOCKETS: &[&str] = &[
    "overlord-types",
    "overlord-time",
    "overlord-files",
    "overlord-resources",
    "overlord-keys",
    "overlord-engine",
];
const SOCKET_CRATES: &[&str] = &[
    "axum",
    "hyper",
    "reqwest",
    "rustls",
    "tokio-rustls",
    "rustix",
];

fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(vec!["--locked".to_owned(), "--offline".to_owned()])
        .no_deps()
        .exec()
        .unwrap()
}

/// Our crates and, for each, its dependencies of the kinds asked for, by name.
fn dependencies(
    metadata: &Metadata,
    kinds: &[DependencyKind],
) -> BTreeMap<String, BTreeSet<String>> {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let names = package
                .dependencies
                .iter()
                .filter(|dependency| kinds.contains(&dependency.kind))
                .map(|dependency| dependency.name.clone())
                .collect();
            (package.name.to_string(), names)
        })
        .collect()
}

/// What the arrows of `found` break in the table of allowed ones, a sentence each.
fn violations(found: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut sentences = Vec::new();
    for name in found
        .keys()
        .filter(|name| !allowed.contains_key(name.as_str()))
    {
        sentences.push(format!("{name} is not in the table of layers"));
    }
    for name in allowed.keys().filter(|name| !found.contains_key(**name)) {
        sentences.push(format!(
            "{name} is in the table of layers, but not in the workspace"
        ));
    }
    for (from, targets) in found {
        for to in targets.iter().filter(|to| found.contains_key(*to)) {
            if !allowed
                .get(from.as_str())
                .is_some_and(|list| list.contains(&to.as_str()))
            {
                sentences.push(format!("{from} must not depend on {to}"));
            }
        }
    }
    sentences
}

#[test]
fn crates_depend_on_each_other_only_along_the_allowed_arrows() {
    let found = dependencies(
        &workspace(),
        &[DependencyKind::Normal, DependencyKind::Build],
    );
    assert_eq!(violations(&found), Vec::<String>::new());
}

#[test]
fn an_arrow_that_points_the_wrong_way_is_noticed() {
    let mut found = dependencies(
        &workspace(),
        &[DependencyKind::Normal, DependencyKind::Build],
    );
    found
        .get_mut("overlord-engine")
        .unwrap()
        .insert("overlord-testbed".to_owned());
    found.insert("overlord-surprise".to_owned(), BTreeSet::new());
    assert_eq!(
        violations(&found),
        [
            "overlord-surprise is not in the table of layers",
            "overlord-engine must not depend on overlord-testbed"
        ]
    );
}

#[test]
fn no_cycle_hides_in_the_dependencies_of_tests() {
    let kinds = [
        DependencyKind::Normal,
        DependencyKind::Build,
        DependencyKind::Development,
    ];
    let mut left = dependencies(&workspace(), &kinds);
    let ours: BTreeSet<String> = left.keys().cloned().collect();
    for targets in left.values_mut() {
        targets.retain(|name| ours.contains(name));
    }
    // Takes away what depends on nothing that is left, until nothing or a cycle remains.
    loop {
        let free: Vec<String> = left
            .iter()
            .filter(|(_, targets)| targets.iter().all(|target| !left.contains_key(target)))
            .map(|(name, _)| name.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        for name in free {
            left.remove(&name);
        }
    }
    assert!(left.is_empty(), "a cycle goes through {:?}", left.keys());
}

#[test]
fn crates_that_decide_or_parse_depend_on_nothing_that_opens_sockets() {
    let found = dependencies(
        &workspace(),
        &[DependencyKind::Normal, DependencyKind::Build],
    );
    for name in WITHOUT_SOCKETS {
        for socket_crate in SOCKET_CRATES {
            assert!(
                !found[*name].contains(*socket_crate),
                "{name} must not depend on {socket_crate}"
            );
        }
    }
}
