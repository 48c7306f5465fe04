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
fn what_a_dialect_allows_is_checked_within() {
    let rules = Rules {
        allows: |refused| matches!(refused, RefusedStmt::Print { .. }),
    };
    assert!(rules.load(b"print 1, 'x'\nprint").is_ok());
    for program in ["print __x", "print >>f.__x, 1", "print u'x'", "exec 'x'"] {
        let refusal = rules.load(program.as_bytes()).expect_err(program);
        assert!(matches!(refusal, Refusal::Unsafe(_)), "{program}");
    }
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
        "a.r2py:4:9: unsafe: the name '__class__' is not allowed: names with two underscores are reserved, \
         save __init__, __del__, __iter__, __repr__ and __str__\n    y = x.__class__\n          ^"
    );
}

/// What the original's check says, recorded with CPython 2.7's compiler package and the original's rules.
#[test]
fn what_is_unsafe_is_reported_by_call_or_string_and_line_as_the_original_does() {
    let recorded = [
        ("\n\nimport a\n", "Unsafe call 'Import' in line 3"),
        ("\nfrom a import b", "Unsafe call 'From' in line 2"),
        ("\nprint 1", "Unsafe call 'Printnl' in line 2"),
        ("\nprint 1,", "Unsafe call 'Print' in line 2"),
        ("\nexec 'a'", "Unsafe call 'Exec' in line 2"),
        ("\nglobal x", "Unsafe call 'Global' in line 2"),
        ("\nwith a: pass", "Unsafe call 'With' in line 2"),
        ("\nx = (1 +\n `y`)", "Unsafe call 'Backquote' in line None"),
        ("\nx=[\nlambda: 1]", "Unsafe call 'Lambda' in line 3"),
        ("\ndef f():\n  yield 1", "Unsafe call 'Yield' in line 3"),
        ("\nx = (a\n if b else c)", "Unsafe call 'IfExp' in line 3"),
        ("\nf(\nx for x in y)", "Unsafe call 'GenExpr' in line 3"),
        ("\n(a,\n(x for x in y))", "Unsafe call 'GenExpr' in line 3"),
        ("\n{1,\n2}", "Unsafe call 'Set' in line 2"),
        ("\n{x for x in y}", "Unsafe call 'SetComp' in line 2"),
        ("\n{1:2 for x in y}", "Unsafe call 'DictComp' in line 2"),
        (
            "\n\n@a\n@b\ndef f(): pass",
            "Unsafe call 'Decorators' in line None",
        ),
        (
            "\n@a\nclass A: __x",
            "Unsafe string '__x' in line 3, node attribute 'name'",
        ),
        (
            "\nx = u'a'\n",
            "Unsafe string 'a' in line 2, node attribute 'value'",
        ),
        (
            "\nx = (1,\n'a' u'b')",
            "Unsafe string 'ab' in line 3, node attribute 'value'",
        ),
        (
            "\nx.\\\n__x",
            "Unsafe string '__x' in line 3, node attribute 'attrname'",
        ),
        (
            "\nx(\n__x=1)",
            "Unsafe string '__x' in line 3, node attribute 'name'",
        ),
        (
            "\n__x = 1",
            "Unsafe string '__x' in line 2, node attribute 'name'",
        ),
        (
            "\nclass __x: pass",
            "Unsafe string '__x' in line 2, node attribute 'name'",
        ),
        (
            "\n\ndef __x(): pass",
            "Unsafe string '__x' in line 3, node attribute 'name'",
        ),
        (
            "\n@a\ndef __x(): pass",
            "Unsafe string '__x' in line 3, node attribute 'name'",
        ),
        (
            "\n__x.__y",
            "Unsafe string '__y' in line 2, node attribute 'attrname'",
        ),
        (
            "\nx.__x = 1",
            "Unsafe string '__x' in line 2, node attribute 'attrname'",
        ),
        (
            "\n(x,\n__x) = 1",
            "Unsafe string '__x' in line 3, node attribute 'name'",
        ),
        (
            "\ntry: pass\nexcept A, __x: pass",
            "Unsafe string '__x' in line 3, node attribute 'name'",
        ),
        (
            "\nx.a(\n).__x",
            "Unsafe string '__x' in line 3, node attribute 'attrname'",
        ),
        (
            "\n__a = __b",
            "Unsafe string '__a' in line 2, node attribute 'name'",
        ),
        (
            "\n{__a: __b}",
            "Unsafe string '__a' in line 2, node attribute 'name'",
        ),
        (
            "\nf(__a)(__b)",
            "Unsafe string '__a' in line 2, node attribute 'name'",
        ),
        (
            "\nfor a in __b: __c",
            "Unsafe string '__b' in line 2, node attribute 'name'",
        ),
        (
            "\nif 1:\n  pass\nelif __x: pass",
            "Unsafe string '__x' in line 4, node attribute 'name'",
        ),
    ];
    for (program, text) in recorded {
        let refusal = load(program.as_bytes()).expect_err(program);
        let class = match text.starts_with("Unsafe call") {
            true => "CheckNodeException",
            false => "CheckStrException",
        };
        assert_eq!(
            refusal.as_reported(),
            format!("<class 'exception_hierarchy.{class}'> {text}"),
            "{program}"
        );
    }
}

/// Recorded with CPython 2.7's compiler package behind the original's two lines about the encoding.
#[test]
fn what_is_not_python_is_reported_in_cpythons_words() {
    let recorded = [
        (
            "\nfoo bar\n",
            "<type 'exceptions.SyntaxError'> invalid syntax (line 2)",
        ),
        (
            "x = 'abc\n",
            "<type 'exceptions.SyntaxError'> EOL while scanning string literal (line 1)",
        ),
        (
            "  x=1\n",
            "<type 'exceptions.IndentationError'> unexpected indent (line 1)",
        ),
        (
            "def f():\nx\n",
            "<type 'exceptions.IndentationError'> expected an indented block (line 2)",
        ),
        (
            "x = (1\n",
            "<type 'exceptions.SyntaxError'> invalid syntax (line 1)",
        ),
        (
            "f(a=1, 2)\n",
            "<type 'exceptions.SyntaxError'> non-keyword arg after keyword arg",
        ),
        (
            "x = 5 = 6\n",
            "<type 'exceptions.SyntaxError'> can't assign to literal",
        ),
        (
            "x='''abc",
            "<type 'exceptions.SyntaxError'> EOF while scanning triple-quoted string literal (line 1)",
        ),
        (
            "if 1:\n	y\n        z\n  x\n",
            "<type 'exceptions.IndentationError'> unindent does not match any outer indentation level (line 4)",
        ),
        (
            "f(a for a in b, 3)",
            "<type 'exceptions.SyntaxError'> generator expression needs parenthesis",
        ),
        (
            "f() = 3",
            "<type 'exceptions.SyntaxError'> can't assign to function call",
        ),
        (
            "def f(x=1,y):pass",
            "<type 'exceptions.SyntaxError'> non-default argument follows default argument",
        ),
        (
            "x = 08",
            "<type 'exceptions.SyntaxError'> invalid token (line 1)",
        ),
        (
            "x = '\\x1'",
            "<type 'exceptions.ValueError'> invalid \\x escape",
        ),
        (
            "a\0b",
            "<type 'exceptions.TypeError'> suite() argument 1 must be string without null bytes, not str",
        ),
        (
            "$",
            "<type 'exceptions.SyntaxError'> invalid syntax (line 1)",
        ),
        (
            "x = 1\\y\n",
            "<type 'exceptions.SyntaxError'> unexpected character after line continuation character (line 1)",
        ),
        (
            "f(*a, b)",
            "<type 'exceptions.SyntaxError'> only named arguments may follow *expression",
        ),
        (
            "f(x.y=1)",
            "<type 'exceptions.SyntaxError'> keyword can't be an expression (317)",
        ),
        (
            "a+b = x",
            "<type 'exceptions.SyntaxError'> can't assign to operator",
        ),
        (
            "(a,b)+=x",
            "<type 'exceptions.SyntaxError'> can't assign to Tuple",
        ),
        (
            "() = 1",
            "<type 'exceptions.SyntaxError'> can't assign to ()",
        ),
        (
            "`x`=1",
            "<type 'exceptions.SyntaxError'> can't assign to literal",
        ),
        (
            "x if y else z = 1",
            "<type 'exceptions.SyntaxError'> can't assign to operator",
        ),
        (
            "[a for a in b]=1",
            "<type 'exceptions.SyntaxError'> can't assign to list comprehension",
        ),
        (
            "x='''abc\n\n\nfoo",
            "<type 'exceptions.SyntaxError'> EOF while scanning triple-quoted string literal (line 4)",
        ),
        (
            "y = 0x",
            "<type 'exceptions.SyntaxError'> invalid token (line 1)",
        ),
        (
            "if 1:\n",
            "<type 'exceptions.IndentationError'> expected an indented block (line 1)",
        ),
        (
            "class A:\n\n\n",
            "<type 'exceptions.IndentationError'> expected an indented block (line 3)",
        ),
        (
            "def f():\n  x\n	y\n",
            "<type 'exceptions.IndentationError'> unexpected indent (line 3)",
        ),
        (
            "for x in y:\nz",
            "<type 'exceptions.IndentationError'> expected an indented block (line 2)",
        ),
        (
            "f() += 1",
            "<type 'exceptions.SyntaxError'> can't assign to CallFunc",
        ),
        (
            "1 += 2",
            "<type 'exceptions.SyntaxError'> can't assign to Const",
        ),
        (
            "`a` += 1",
            "<type 'exceptions.SyntaxError'> can't assign to Backquote",
        ),
        (
            "-x = 2",
            "<type 'exceptions.SyntaxError'> can't assign to operator",
        ),
        (
            "x=(1\nfor y in z: pass\n",
            "<type 'exceptions.SyntaxError'> invalid syntax (line 2)",
        ),
        (
            "1 = x",
            "<type 'exceptions.SyntaxError'> can't assign to literal",
        ),
        (
            "x = (1,\n2,\n\n",
            "<type 'exceptions.SyntaxError'> invalid syntax (line 3)",
        ),
        (
            "f(\n\n)\n)\n",
            "<type 'exceptions.SyntaxError'> invalid syntax (line 4)",
        ),
        (
            "x = 1 +\n",
            "<type 'exceptions.SyntaxError'> invalid syntax (line 1)",
        ),
        (
            "if x\n  y\n",
            "<type 'exceptions.SyntaxError'> invalid syntax (line 1)",
        ),
        (
            "while True: pass\nelse x",
            "<type 'exceptions.SyntaxError'> invalid syntax (line 2)",
        ),
        (
            "x = [1,\n\n",
            "<type 'exceptions.SyntaxError'> invalid syntax (line 2)",
        ),
    ];
    for (program, text) in recorded {
        let refusal = load(program.as_bytes()).expect_err(program);
        assert_eq!(refusal.as_reported(), text, "{program}");
    }
}
