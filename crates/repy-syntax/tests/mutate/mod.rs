//! Programs for tests that need many: pieces of the language and the differential suite, cut and mixed by a seed.

mod grammar;

use crate::random::Random;

/// No program is longer.
pub(crate) const MAX_BYTES: usize = 64 << 10;

const PIECES: &[&str] = &[
    "and",
    "as",
    "assert",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "exec",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "not",
    "or",
    "pass",
    "print",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "x",
    "y",
    "f",
    "None",
    "__a",
    "encode",
    "im_x",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    ".",
    ";",
    "@",
    "=",
    "`",
    "+",
    "-",
    "*",
    "/",
    "%",
    "&",
    "|",
    "^",
    "~",
    "**",
    "//",
    "<<",
    ">>",
    "<",
    ">",
    "==",
    "!=",
    "<>",
    "+=",
    "**=",
    ">>=",
    "!",
    "$",
    "?",
    "\\",
    "\\\n",
    "0",
    "1",
    "0x",
    "0777",
    "08",
    "1L",
    "1.5e3",
    "1j",
    ".5",
    "''",
    "'a'",
    "u'u'",
    "r'\\'",
    "\"\"\"",
    "'''",
    "'\\x4'",
    "'\\777'",
    "#c",
    "# vim:ts=3",
    "\n",
    "\n ",
    "\n  ",
    "\n    ",
    "\n\t",
    "\r\n",
    "\r",
    "\x0c",
    "\0",
    "\u{e9}",
    "\u{feff}",
    "def f(a,(b,c)=1,*d,**e):\n  return\n",
    "class A(B):\n pass\n",
    "try:\n x\nexcept A,b:\n y\n",
    "for a,b in c:\n d\n",
    "while 1:\n x\nelse:\n y\n",
    "if a:\n b\nelif c:\n d\n",
    "x[a:b:c,...]",
    "f(a,b=1,*c,**d)",
    "[a for b in c,d if e]",
    "(a for b in c)",
    "{a:b}",
    "a if b else c",
    "a<b<=c",
    "not a in b",
    "-1",
    "from __future__ import print_function\n",
];

/// All programs of the differential suite: seeds for mutation.
pub(crate) fn corpus() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../repy/tests/programs"
    ))];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        let mut paths: Vec<_> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "r2py")
            {
                found.extend(std::fs::read(path));
            }
        }
    }
    found
}

/// A program made from the corpus and from nothing, mostly broken.
pub(crate) fn program(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut text = Vec::new();
    match random.below(16) {
        // Words at random.
        0..3 => {
            for _ in 0..random.below(60) {
                text.extend(random.one(PIECES).bytes());
                if random.below(2) == 0 {
                    text.push(b' ');
                }
            }
        }
        // One or two pieces many times over: depth and length.
        3 => {
            let pieces = [random.one(PIECES), random.one(PIECES)];
            let times = random.below(4000);
            text = pieces.concat().repeat(times).into_bytes();
        }
        // Bytes at random.
        4 => {
            let length = random.below(200);
            text.extend((0..length).map(|_| random.next().to_le_bytes()[0]));
        }
        // What the grammar allows.
        5..13 => text = grammar::Grammar::program(random),
        // A real program.
        _ => {
            if !corpus.is_empty() {
                text = corpus[random.below(corpus.len())].clone();
            }
        }
    }
    let mutations = [0, 0, 1, 1, 2, 5];
    for _ in 0..mutations[random.below(mutations.len())] {
        mutate(random, &mut text);
    }
    text.truncate(MAX_BYTES);
    text
}

/// Cuts, copies, replaces or adds something somewhere.
pub(crate) fn mutate(random: &mut Random, text: &mut Vec<u8>) {
    let at = random.below(text.len() + 1);
    let end = (at + random.below(20)).min(text.len());
    match random.below(6) {
        0 => drop(text.drain(at..end)),
        1 => drop(text.splice(at..end, random.one(PIECES).bytes())),
        2 => drop(text.splice(at..at, random.one(PIECES).bytes())),
        3 => {
            let copy = text[at..end].to_vec();
            let to = random.below(text.len() + 1);
            drop(text.splice(to..to, copy));
        }
        4 => text.truncate(at),
        _ => {
            if let Some(byte) = text.get_mut(at) {
                *byte = random.next().to_le_bytes()[0];
            }
        }
    }
}
