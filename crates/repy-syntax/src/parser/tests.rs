//! Shapes of trees, places and rules of errors, limits. That the trees are CPython's is shown at large by
//! `tests/compare_trees.py`; here is what that comparison cannot see.

use super::*;
use crate::ast::{BinaryOp, Index, UnaryOp};
use crate::limits::MAX_INDENTS;

fn tree(program: &str) -> Module {
    let source = SourceText::new(program.as_bytes()).expect("text");
    parse(&source).unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn error(program: &str) -> String {
    let parsed = SourceText::new(program.as_bytes()).and_then(|source| parse(&source));
    parsed.expect_err(program).to_string()
}

fn expression(program: &str) -> Expr {
    match tree(program).body.stmts.pop() {
        Some(Stmt {
            kind: StmtKind::Expr(expr),
            ..
        }) => expr,
        other => panic!("{other:?}"),
    }
}

#[test]
fn chains_of_one_level_are_flat_and_tighter_levels_nest() {
    let ExprKind::Binary { rest, .. } = expression("a + b * c - d // e + f ** -g").kind else {
        panic!()
    };
    let ops: Vec<BinaryOp> = rest.iter().map(|step| step.op).collect();
    assert_eq!(ops, [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Add]);
    let columns: Vec<u32> = rest.iter().map(|step| step.pos.column).collect();
    assert_eq!(columns, [2, 10, 19]);
    let long = vec!["x"; 100_000].join("+");
    let ExprKind::Binary { rest, .. } = expression(&long).kind else {
        panic!()
    };
    assert_eq!(rest.len(), 99_999);
    let ladder = format!("if x: y\n{}else: z", "elif x: y\n".repeat(50_000));
    assert_eq!(tree(&ladder).body.stmts.len(), 1);
}

#[test]
fn a_minus_belongs_to_a_number_only_if_nothing_binds_tighter() {
    let kind = |program: &str| expression(program).kind;
    assert!(matches!(
        kind("-9223372036854775808"),
        ExprKind::Int(i64::MIN)
    ));
    assert!(matches!(kind("- 1"), ExprKind::Int(-1)));
    for program in ["-(1)", "-1 ** 2", "-1 .real", "-x", "+1", "--1"] {
        assert!(!matches!(kind(program), ExprKind::Int(_)), "{program}");
    }
    let ExprKind::Unary {
        op: UnaryOp::Minus,
        operand,
    } = kind("--1")
    else {
        panic!()
    };
    assert!(matches!(operand.kind, ExprKind::Int(-1)));
}

#[test]
fn commas_in_a_subscript_make_a_tuple() {
    let index = |program: &str| match expression(program).kind {
        ExprKind::Subscript { index, .. } => *index,
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        index("x[1]"),
        Index::Item(Expr {
            kind: ExprKind::Int(1),
            ..
        })
    ));
    assert!(
        matches!(index("x[1,]"), Index::Item(Expr { kind: ExprKind::Tuple(items), .. }) if items.len() == 1)
    );
    assert!(matches!(
        index("x[:]"),
        Index::Slice {
            low: None,
            high: None
        }
    ));
    assert!(matches!(
        index("x[::]"),
        Index::Extended { tuple: false, .. }
    ));
    assert!(matches!(index("x[a:b,]"), Index::Extended { tuple: true, parts } if parts.len() == 1));
}

#[test]
fn docstrings_are_noticed_and_kept() {
    assert!(tree("'a' 'b'\nx").body.has_docstring);
    assert!(!tree("x\n'a'").body.has_docstring);
    assert!(!tree("'a' + 'b'").body.has_docstring);
    let StmtKind::Function(function) = &tree("def f():\n  'doc'").body.stmts[0].kind.clone() else {
        panic!()
    };
    assert!(function.body.has_docstring);
    assert_eq!(function.body.stmts.len(), 1);
}

#[test]
fn symbols_are_numbered_without_gaps() {
    let module = tree("a = b.a(c=b)\ndef d(e): pass");
    let names: Vec<&str> = module.symbols.iter().collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!(module.symbols.find("c").map(Symbol::index), Some(2));
}

#[test]
fn errors_name_the_place_and_the_rule() {
    let cases = [
        (
            "x = ",
            "line 1, column 5: invalid syntax: expected an expression, found the end of the line",
        ),
        (
            "if x\n  y",
            "line 1, column 5: invalid syntax: expected ':', found the end of the line",
        ),
        ("if x:\ny", "line 2, column 1: expected an indented block"),
        (
            "  x",
            "line 1, column 3: unexpected indent: this line is indented more than its block",
        ),
        (
            "x = (1,\n\n",
            "line 1, column 5: this bracket is never closed",
        ),
        (
            "a = ['b', 'c'\nfor x in y: z",
            "line 2, column 1: invalid syntax: expected ']', found 'for' (a bracket of line 1 is still open)",
        ),
        (
            "f(x]",
            "line 1, column 4: invalid syntax: expected ')', found ']'",
        ),
        (
            "f(a=1, 2)",
            "line 1, column 8: a positional argument follows a keyword argument",
        ),
        (
            "f(*a, b)",
            "line 1, column 7: only keyword arguments may follow *arguments",
        ),
        (
            "f((a)=1)",
            "line 1, column 4: the keyword of an argument must be a name",
        ),
        (
            "def f(a=1, b): x",
            "line 1, column 12: a parameter without a default follows one with a default",
        ),
        ("a, 1 = x", "line 1, column 4: can't assign to a literal"),
        ("a + b = x", "line 1, column 1: can't assign to an operator"),
        (
            "(a, b) += x",
            "line 1, column 1: can't assign to a tuple here",
        ),
        (
            "del f()",
            "line 1, column 5: can't assign to a function call",
        ),
        (
            "try: x\ny",
            "line 2, column 1: invalid syntax: expected 'except' or 'finally', found the name 'y'",
        ),
        (
            "else: x",
            "line 1, column 1: invalid syntax: expected a statement, found 'else'",
        ),
        (
            "x = $",
            "line 1, column 5: invalid syntax: '$' means nothing here",
        ),
        (
            "x = 'a\\xg'",
            "line 1, column 5: \\x in a string needs two hexadecimal digits",
        ),
        (
            "print 'a' 'b' c",
            "line 1, column 15: invalid syntax: expected the end of the statement, found the name 'c'",
        ),
    ];
    for (program, expected) in cases {
        assert_eq!(error(program), expected, "{program}");
    }
}

#[test]
fn nesting_stops_at_the_limit_without_harm() {
    let deep = 20_000;
    let open = [
        "(",
        "[",
        "{1:",
        "f(",
        "x[",
        "`",
        "-",
        "not ",
        "~",
        "x**",
        "lambda:",
        "1 if 1 else ",
        "(yield ",
        "f(*",
        "f(a=",
        "x[:",
        "[x for x in ",
        "(x for x in ",
        "{x for x in ",
        "[x for x in y if ",
        "a and not (",
        "1+(",
        "lambda x=",
        "a or b and c < 1|1^1&1<<1+1*(",
        "a or b and 1 < 1|1^1&1<<1+1*f(b,*[x for x in {1:",
        "f(**",
    ];
    for part in open {
        let message = error(&format!("x = {}", part.repeat(deep)));
        assert!(message.contains("nested more than"), "{part}: {message}");
    }
    assert!(error(&format!("def f{}", "(".repeat(deep))).contains("nested more than"));
    assert!(error(&format!("for {}", "(".repeat(deep))).contains("nested more than"));
    for trailer in [".a", "()", "[0]", "(a)[1:2].b"] {
        let message = error(&format!("x{}", trailer.repeat(deep)));
        assert!(message.contains("levels high"), "{trailer}: {message}");
    }
    assert!(error(&format!("@x{}\ndef f(): x", ".a".repeat(deep))).contains("levels high"));
}

#[test]
fn statements_nest_as_deep_as_in_cpython() {
    for head in [
        "if 1:",
        "while 1:",
        "for x in y:",
        "def f():",
        "class A:",
        "try:",
        "with x:",
    ] {
        let nested = |depth: usize| -> String {
            let mut text = String::new();
            for level in 0..depth {
                text.push_str(&format!("{}{head}\n", " ".repeat(level)));
            }
            text.push_str(&format!("{}pass\n", " ".repeat(depth)));
            if head == "try:" {
                for level in (0..depth).rev() {
                    text.push_str(&format!("{}except: pass\n", " ".repeat(level)));
                }
            }
            text
        };
        tree(&nested(MAX_INDENTS - 1));
        assert!(
            error(&nested(MAX_INDENTS)).contains("blocks are nested"),
            "{head}"
        );
    }
}

#[test]
fn the_highest_trees_are_built_walked_and_dropped_on_a_small_stack() {
    let nested = |open: &str, core: &str, close: &str, depth: usize| {
        format!("x = {}{core}{}", open.repeat(depth), close.repeat(depth))
    };
    let programs = [
        nested("(", "1", ")", 64),
        nested("[", "1", "]", 64),
        nested("f(a, ", "1", ").b", 64),
        nested("{1: ", "1", "}", 64),
        nested("-", "y", "", 64),
        nested("y ** ", "y", "", 64),
        nested("y[1:", "1", "]", 64),
        format!("x = y{}", "[0].a".repeat(95)),
    ];
    let tight = "a or b and c < 1|1^1&1<<1+1*(";
    let widest = nested(tight, "y", ")", 22);
    let programs = programs.into_iter().chain([widest]);
    let indent: String = (0..98)
        .map(|level| format!("{}if 1:\n", " ".repeat(level)))
        .collect();
    let deepest: Vec<String> = programs
        .map(|program| format!("{indent}{}{program}\n", " ".repeat(98)))
        .collect();
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let checked = thread.spawn(move || {
        for program in &deepest {
            let module = crate::check::load(program.as_bytes())
                .unwrap_or_else(|refusal| panic!("{refusal}: {program}"));
            crate::compile_rules::check(&module).expect("compiles");
        }
    });
    checked.expect("a thread").join().expect("no overflow");
}
