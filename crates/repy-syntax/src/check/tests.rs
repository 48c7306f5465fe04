//! Verdicts, each case by the rule it shows.

use super::*;

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Unsafe,
    Syntax,
}

fn verdict(program: &str) -> Verdict {
    match load(program.as_bytes()) {
        Ok(_) => Verdict::Accepted,
        Err(Refusal::Unsafe(_)) => Verdict::Unsafe,
        Err(Refusal::Syntax(_)) => Verdict::Syntax,
    }
}

fn all(expected: Verdict, programs: &[&str]) {
    for program in programs {
        assert_eq!(verdict(program), expected, "{program}");
    }
}

#[test]
fn what_repy_has_is_accepted() {
    all(
        Verdict::Accepted,
        &[
            "",
            "x = [1, 2L, 1.5, 2j, 'a' 'b', {}, {1: 2}, (), (1,), [i for i in x if i]]",
            "if a < b <= c is not d:\n  pass\nelif not x in y: x = -y ** ~z\nelse:\n  del x, y[1], z.a, w[1:2]",
            "def f(a, (b, c), d=1, *e, **g): return a.b[1:2, ::3, ...](1, k=2, *e, **g)",
            "class A(B, C):\n  def __init__(self): self.x = 1",
            "try: raise A, b, c\nexcept (A, B), e: raise\nexcept C as d: assert 1, 2\nelse: pass\nfinally: pass",
            "for a, (b, c) in d:\n  continue\nelse: break",
            "while 1: x += 1; x <<= 2; x **= 3; x //= 4",
        ],
    );
}

#[test]
fn every_construct_outside_the_list_is_unsafe() {
    all(
        Verdict::Unsafe,
        &[
            "`x`",
            "@d\ndef f(): pass",
            "@d\nclass A: pass",
            "exec 'x' in y, z",
            "from a import b",
            "import a.b as c",
            "global x",
            "lambda: 1",
            "def f(): yield",
            "with a as b: pass",
            "a if b else c",
            "f(x for x in y)",
            "{1, 2}",
            "{x for x in y}",
            "{x: y for x in y}",
            "print",
            "print x,",
            "print >>f, x",
            "u'x'",
            "'a' ur'x'",
            "def f():\n  u'docstring'",
        ],
    );
}

#[test]
fn identifiers_follow_the_rules_of_the_original() {
    let named = [
        "NAME",
        "NAME = 1",
        "x.NAME",
        "x.NAME = 1",
        "del x.NAME",
        "def NAME(): pass",
        "class NAME: pass",
    ];
    let more = [
        "f(NAME=1)",
        "for NAME in x: pass",
        "try: x\nexcept A, NAME: x",
        "[1 for NAME in x]",
        "NAME += 1",
    ];
    for name in [
        "encode",
        "decode",
        "__class__",
        "a__b",
        "__",
        "im_self",
        "func_code",
        "tb_next",
        "f_globals",
        "co_x",
    ] {
        for program in named.iter().chain(&more) {
            assert_eq!(
                verdict(&program.replace("NAME", name)),
                Verdict::Unsafe,
                "{program} with {name}"
            );
        }
    }
    for name in [
        "__init__", "__del__", "__iter__", "__repr__", "__str__", "_a_", "encoded", "if_", "xf_",
        "imm", "a_",
    ] {
        for program in named.iter().chain(&more) {
            assert_eq!(
                verdict(&program.replace("NAME", name)),
                Verdict::Accepted,
                "{program} with {name}"
            );
        }
    }
}

#[test]
fn parameter_names_strings_and_docstrings_are_exempt() {
    all(
        Verdict::Accepted,
        &[
            "def f(__a, (b__, co_x), encode=1, *func_x, **__k): pass",
            "x = '__class__'",
            "'__doc__ encode'",
            "def f():\n  '__doc__'",
            "class A: 'f_'",
        ],
    );
    all(
        Verdict::Unsafe,
        &["def f(__a): return __a", "def f(a=__b): pass"],
    );
}

#[test]
fn what_follows_a_docstring_on_the_first_line_is_checked_unlike_in_the_original() {
    all(Verdict::Unsafe, &["'doc'; import os", "'doc'; x.__class__"]);
}

#[test]
fn a_syntax_error_anywhere_outweighs_something_unsafe_before_it() {
    all(
        Verdict::Syntax,
        &[
            "import os\nx = ",
            "import os\n1 = x",
            "u'x'\nf(a=1, b)",
            "print x\ny = '\\x1'",
        ],
    );
}

#[test]
fn errors_of_the_compiler_are_not_errors_of_the_check() {
    all(
        Verdict::Accepted,
        &[
            "return 1",
            "break",
            "continue",
            "def f(a, a): pass",
            "f(a=1, a=2)",
            "None = 1",
            "(x for x in y) = 1",
        ],
    );
}

#[test]
fn coding_comments_have_no_effect_and_a_byte_order_mark_is_no_python() {
    all(
        Verdict::Accepted,
        &[
            "# coding: latin-1\nx = '\u{e9}'",
            "#!/usr/bin/python\n# -*- coding: utf-7 -*-\nx",
        ],
    );
    all(Verdict::Syntax, &["\u{feff}x = 1", "\u{e9} = 1"]);
    assert!(matches!(load(b"x = '\xe9'"), Err(Refusal::Syntax(_))));
}

#[test]
fn a_refusal_shows_the_line_the_place_and_the_rule() {
    let program = b"x = 1\r\n  \r\nif x:\r\n  y = x.__class__\r\n";
    let refusal = load(program).expect_err("unsafe");
    assert_eq!(
        refusal.render("a.r2py", program),
        "a.r2py:4:7: unsafe: the name '__class__' is not allowed: names with two underscores are reserved, \
         save __init__, __del__, __iter__, __repr__ and __str__\n    y = x.__class__\n        ^"
    );
}
