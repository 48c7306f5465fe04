//! Habits of the code base that are held by a test and not by memory. Each check that reads text has an example that
//! fails it as well.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod circles;
mod failures;
mod floors;
mod module_graph;
mod pages;
mod ratchet;
mod type_names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use module_graph::ModuleGraph;

/// A file of this many lines holds two ideas.
const FILE_LINES_MAX: usize = 800;

fn root() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .canonicalize()
        .unwrap()
}

/// The modules of each crate, by the name of its folder.
fn crates() -> &'static BTreeMap<String, ModuleGraph> {
    static CRATES: OnceLock<BTreeMap<String, ModuleGraph>> = OnceLock::new();
    CRATES.get_or_init(|| {
        let folders = std::fs::read_dir(root().join("crates")).unwrap();
        folders
            .map(|folder| folder.unwrap().path())
            .chain([root().join("xtask")])
            .map(|folder| {
                let library = folder.join("src/lib.rs");
                let program = folder.join("src/main.rs");
                let root = if library.exists() { library } else { program };
                let name = folder.file_name().unwrap().to_string_lossy().into_owned();
                (name, ModuleGraph::read(&root))
            })
            .collect()
    })
}

/// All files below `folder` with one of the endings, sorted; build output and hidden folders left out.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What is wrong with one Rust file, a sentence each.
fn complaints_about_source(text: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let first = text.lines().next().unwrap_or_default();
    if !first.starts_with("//!") {
        sentences.push("does not begin with a //! header".to_owned());
    }
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        sentences.push(format!(
            "has {lines} lines, at most {FILE_LINES_MAX} are wanted"
        ));
    }
    for mark in
        ["TO", "FIX"].map(|start| format!("{start}{}", if start == "TO" { "DO" } else { "ME" }))
    {
        if text.contains(&mark) {
            sentences.push(format!("has an unfinished mark, {mark}"));
        }
    }
    if text.contains(concat!("#[", "ignore")) {
        sentences.push("has a test that is switched off".to_owned());
    }
    sentences
}

#[test]
fn every_source_file_says_what_it_is_for_and_stays_small() {
    let mut sentences = Vec::new();
    for path in files(&root(), &[".rs"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        for sentence in complaints_about_source(&text) {
            sentences.push(format!("{} {sentence}", path.display()));
        }
    }
    assert!(sentences.is_empty(), "{}", sentences.join("\n"));
}

#[test]
fn a_source_file_without_header_or_with_too_many_lines_is_noticed() {
    let long = "fn a() {}\n".repeat(FILE_LINES_MAX + 1);
    let sentences = complaints_about_source(&long);
    assert_eq!(sentences.len(), 2, "{sentences:?}");
    assert_eq!(
        complaints_about_source("//! A file.\n"),
        Vec::<String>::new()
    );
    assert_eq!(
        complaints_about_source(&format!("//! A file.\n// {}: later\n", concat!("TO", "DO"))).len(),
        1
    );
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for path in files(&root(), &["Cargo.toml"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("[package]") && !path.components().any(|part| part.as_os_str() == "fuzz") {
            assert!(
                text.contains("[lints]\nworkspace = true"),
                "{} does not",
                path.display()
            );
        }
    }
}

#[test]
fn every_crate_without_unsafe_code_forbids_it() {
    for path in files(&root().join("crates"), &["lib.rs"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        if !name.contains("crates/repy-machine/") {
            assert!(text.contains("#![forbid(unsafe_code)]"), "{name} does not");
        }
    }
}

#[test]
fn the_map_names_exactly_the_crates_that_exist() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let named: BTreeSet<String> = map
        .lines()
        .filter_map(|line| line.strip_prefix("### `crates/"))
        .filter_map(|rest| rest.split('`').next())
        .map(str::to_owned)
        .collect();
    let there: BTreeSet<String> = std::fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(named, there);
}

/// The dependencies of the workspace's table that no comment above them explains.
fn unexplained_dependencies(manifest: &str) -> Vec<String> {
    let mut explained = false;
    let mut unexplained = Vec::new();
    let table = manifest
        .split("[workspace.dependencies]")
        .nth(1)
        .unwrap_or_default();
    for line in table.lines().take_while(|line| !line.starts_with('[')) {
        if line.starts_with('#') {
            explained = true;
        } else if line.trim().is_empty() {
            explained = false;
        } else if let Some((name, _)) = line.split_once(" = ")
            && !explained
        {
            unexplained.push(name.to_owned());
        }
    }
    unexplained
}

#[test]
fn every_shared_dependency_has_its_reason() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert_eq!(unexplained_dependencies(&manifest), Vec::<String>::new());
    let bad = "[workspace.dependencies]\n# Why.\nserde = \"1\"\n\nother = \"2\"\n[profile.dev]\n";
    assert_eq!(unexplained_dependencies(bad), ["other"]);
}

/// The names in a manifest's tables of dependencies, as they are written in code.
fn declared_dependencies(manifest: &str) -> BTreeSet<String> {
    let mut in_table = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_table = line.trim_end().ends_with("dependencies]");
        } else if in_table
            && !line.starts_with('#')
            && let Some((name, _)) = line.split_once(['.', ' ', '='])
        {
            // Its library has another name than its package.
            let name = if name == "rustls-webpki" {
                "webpki"
            } else {
                name
            };
            names.insert(name.replace('-', "_"));
        }
    }
    names
}

/// Whether a text has this name as a whole word.
fn names(text: &str, name: &str) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    text.match_indices(name).any(|(at, _)| {
        let before = at
            .checked_sub(1)
            .and_then(|before| text.as_bytes().get(before));
        !is_word(before) && !is_word(text.as_bytes().get(at + name.len()))
    })
}

#[test]
fn every_declared_dependency_is_used() {
    for manifest in files(&root(), &["Cargo.toml"]) {
        let folder = manifest.parent().unwrap();
        if folder == root() {
            continue;
        }
        let code: Vec<String> = files(folder, &[".rs"])
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        for name in declared_dependencies(&std::fs::read_to_string(&manifest).unwrap()) {
            let used = code.iter().any(|text| names(text, &name));
            assert!(used, "{} does not use {name}", manifest.display());
        }
    }
    let manifest =
        "[package]\nname = \"x\"\n[dev-dependencies]\na-b.workspace = true\n# Why.\nc = \"1\"\n";
    let declared = declared_dependencies(manifest);
    assert_eq!(declared, ["a_b".to_owned(), "c".to_owned()].into());
    assert!(names("use a_b::C;", "a_b") && !names("a_bc; xa_b", "a_b"));
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for path in files(&root(), &[".md"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = target.split('#').next().unwrap_or_default();
            let outside =
                target.contains("://") || target.starts_with("mailto:") || file.is_empty();
            if !outside && !path.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_decision_is_listed() {
    let folder = root().join("docs/decisions");
    let list = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for path in files(&folder, &[".md"]) {
        let name = path.file_name().unwrap().to_string_lossy();
        let listed = name == "README.md" || list.contains(&format!("({name})"));
        assert!(listed, "docs/decisions/README.md lacks {name}");
    }
}

/// Whether a file is a module in the form that we do not use. Modules that integration tests share are the exception:
/// in a file of its own directly below `tests`, a module would be a test.
fn is_in_the_other_form(path: &Path) -> bool {
    let grandparent = path.parent().and_then(Path::parent);
    path.ends_with("mod.rs") && grandparent.is_none_or(|folder| !folder.ends_with("tests"))
}

#[test]
fn a_module_with_others_below_is_a_file_beside_their_folder() {
    let mut found = files(&root(), &["mod.rs"]);
    found.retain(|path| is_in_the_other_form(path));
    assert_eq!(found, Vec::<PathBuf>::new());
    assert!(is_in_the_other_form(Path::new("src/a/mod.rs")));
    assert!(!is_in_the_other_form(Path::new("tests/common/mod.rs")));
}

/// Files that move others, for a reason that `overlord-files` does not cover.
const MOVES_FILES: &[&str] = &[
    // The state before the last one is kept.
    "crates/node/src/store.rs",
    // What a program behind the wall tries in vain.
    "crates/repy/src/wall/self_test/attempts.rs",
];

#[test]
fn a_file_takes_the_place_of_another_only_by_way_of_the_crate_for_it() {
    let found = files(&root().join("crates"), &[".rs"])
        .into_iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "tests"))
        .filter(|path| !path.ends_with("tests.rs"))
        .filter(|path| {
            std::fs::read_to_string(path)
                .unwrap()
                .contains("fs::rename(")
        })
        .map(|path| path.strip_prefix(root()).unwrap().display().to_string())
        .collect();
    let allowed = MOVES_FILES.iter().map(|&path| path.to_owned()).collect();
    ratchet::hold("fs::rename", "overlord-files", &found, &allowed);
}
