//! What our pages name exists: paths and commands in all of them, tests in those for contributors.
//!
//! Looked at is what stands in backquotes or in a block of shell. A path begins with a folder of the workspace, and may have
//! one `*` in its last part; a command begins with `cargo`; three underscores or more make the name of a test.

use std::collections::BTreeSet;
use std::path::Path;

use cargo_metadata::{Metadata, MetadataCommand, Package};

use crate::{files, root};

/// The pages that name tests.
const FOR_CONTRIBUTORS: &[&str] = &["CONTRIBUTING.md", "docs/style.md", "docs/glossary.md"];
/// With what a path begins that is to exist.
const FOLDERS: &[&str] = &[
    "crates/",
    "docs/",
    "examples/",
    "findings/",
    "tests/",
    "xtask/",
];

/// What the pages may name.
struct Known {
    metadata: Metadata,
    /// The text of all sources.
    sources: Vec<String>,
    /// How xtask chooses among its commands.
    xtask: String,
}

impl Known {
    fn of_the_workspace() -> Self {
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        Self {
            metadata: MetadataCommand::new()
                .manifest_path(root().join("Cargo.toml"))
                .other_options(vec!["--locked".to_owned(), "--offline".to_owned()])
                .no_deps()
                .exec()
                .unwrap(),
            sources: files(&root(), &[".rs"])
                .iter()
                .map(|path| read(path))
                .collect(),
            xtask: read(&root().join("xtask/src/main.rs")),
        }
    }

    /// What is wrong with one piece of a page, if it is a path or a command.
    fn complaint(&self, piece: &str) -> Option<String> {
        if FOLDERS.iter().any(|folder| piece.starts_with(folder)) && !piece.contains(' ') {
            return (!is_there(piece)).then(|| format!("there is no {piece}"));
        }
        // A variable may be set before a command.
        if let Some(at) = piece.find("cargo ")
            && piece
                .get(..at)
                .is_some_and(|before| before.is_empty() || before.contains('='))
        {
            return self.complaint_about_command(piece.get(at..).unwrap_or_default());
        }
        None
    }

    /// What is wrong with one piece of a page, if it is the name of a test.
    fn complaint_about_name(&self, piece: &str) -> Option<String> {
        let is_name = piece
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if is_name && piece.matches('_').count() >= 3 && !self.is_function(piece) {
            return Some(format!("no test is named {piece}"));
        }
        None
    }

    fn is_function(&self, name: &str) -> bool {
        // Lints are written the same way; Cargo.toml has them.
        let function = format!("fn {name}(");
        let lint = format!("{name} = ");
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
        manifest.contains(&lint) || self.sources.iter().any(|text| text.contains(&function))
    }

    fn complaint_about_command(&self, command: &str) -> Option<String> {
        let words: Vec<&str> = command.split(' ').collect();
        let after = |flags: &[&str]| {
            let at = words.iter().position(|word| flags.contains(word))?;
            words.get(at + 1).copied()
        };
        if words.get(1) == Some(&"xtask") {
            // Several may be named at once.
            let mut chosen = words.get(2).unwrap_or(&"").split('|');
            let is_known = |word| self.xtask.contains(&format!("Some(\"{word}\")"));
            return (!chosen.all(is_known)).then(|| format!("no xtask is run by {command}"));
        }
        let name = after(&["-p", "--package"])?;
        let Some(package) = self.package(name) else {
            return Some(format!("no package is named {name}"));
        };
        for flag in ["--test", "--bench", "--example", "--bin"] {
            let Some(target) = after(&[flag]) else {
                continue;
            };
            let kind = flag.trim_start_matches("--");
            let is_there = package.targets.iter().any(|found| {
                found.name == target && found.kind.iter().any(|found| found.to_string() == kind)
            });
            if !is_there {
                return Some(format!("{name} has no {kind} {target}"));
            }
        }
        None
    }

    fn package(&self, name: &str) -> Option<&Package> {
        self.metadata
            .packages
            .iter()
            .find(|package| package.name.as_str() == name)
    }
}

/// Whether a path leads to something.
fn is_there(path: &str) -> bool {
    let Some((before, after)) = path.split_once('*') else {
        return root().join(path).exists();
    };
    let (folder, start) = before.rsplit_once('/').unwrap_or(("", before));
    let fits = |name: &str| name.starts_with(start) && name.ends_with(after);
    std::fs::read_dir(root().join(folder)).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| fits(&entry.file_name().to_string_lossy()))
    })
}

/// What stands in backquotes, and the lines of blocks of shell.
fn pieces(page: &str) -> BTreeSet<&str> {
    let mut pieces = BTreeSet::new();
    let mut block = None;
    for line in page.lines() {
        if let Some(language) = line.strip_prefix("```") {
            block = if block.is_some() {
                None
            } else {
                Some(language)
            };
        } else if block == Some("sh") {
            pieces.insert(line);
        } else if block.is_none() {
            pieces.extend(line.split('`').skip(1).step_by(2));
        }
    }
    pieces
}

#[test]
fn what_the_pages_name_exists() {
    let known = Known::of_the_workspace();
    let mut told = Vec::new();
    for path in files(&root(), &[".md"]) {
        let page = path.strip_prefix(root()).unwrap().display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        let names_tests = FOR_CONTRIBUTORS.contains(&page.as_str());
        for piece in pieces(&text) {
            let about_name = || {
                names_tests
                    .then(|| known.complaint_about_name(piece))
                    .flatten()
            };
            if let Some(complaint) = known.complaint(piece).or_else(about_name) {
                told.push(format!("{page}: {complaint}"));
            }
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn what_a_page_names_in_vain_is_noticed() {
    let known = Known::of_the_workspace();
    let page = "`crates/none.rs` and `fn_of_no_test`, `cargo xtask dance`\n```sh\ncargo test -p overlord-nobody\n\
        A=1 cargo test -p overlord-tests --test layer\n```\n`tests/tests`, `cargo xtask ci|sim`, `unsafe_code`,\n\
        `every_decision_is_listed`, `cargo test -p overlord-tests --test layers`, `tests/tests/lay*.rs`, `tests/lay*.md`\n";
    let told: Vec<String> = pieces(page)
        .iter()
        .filter_map(|piece| {
            let about_name = || known.complaint_about_name(piece);
            known.complaint(piece).or_else(about_name)
        })
        .collect();
    assert_eq!(
        told,
        [
            "overlord-tests has no test layer",
            "no package is named overlord-nobody",
            "no xtask is run by cargo xtask dance",
            "there is no crates/none.rs",
            "no test is named fn_of_no_test",
            "there is no tests/lay*.md",
        ]
    );
}
