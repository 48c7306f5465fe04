//! Each rule with a program that breaks it and one next to it that does not.

use super::*;
use crate::check::load;

fn message(program: &str) -> Option<String> {
    let module = load(program.as_bytes()).unwrap_or_else(|refusal| panic!("{program}: {refusal}"));
    check(&module).err().map(|error| error.message.into())
}

fn refused(part: &str, programs: &[&str]) {
    for program in programs {
        let message = message(program).unwrap_or_else(|| panic!("accepted: {program}"));
        assert!(message.contains(part), "{program}: {message}");
    }
}

fn accepted(programs: &[&str]) {
    for program in programs {
        assert_eq!(message(program), None, "{program}");
    }
}

#[test]
fn return_belongs_in_functions() {
    refused(
        "outside function",
        &[
            "return",
            "class A:\n  return 1",
            "def f():\n  class A:\n    return",
        ],
    );
    accepted(&["def f(): return", "class A:\n  def f(self): return 1"]);
}

#[test]
fn break_and_continue_belong_in_loops() {
    refused(
        "outside loop",
        &[
            "break",
            "while 1:\n  def f(): break",
            "while 1: pass\nelse: break",
        ],
    );
    refused(
        "not properly in loop",
        &[
            "continue",
            "try: continue\nfinally: pass",
            "for x in y: pass\nelse: continue",
        ],
    );
    refused(
        "inside 'finally'",
        &[
            "while 1:\n  try: pass\n  finally: continue",
            "while 1:\n try: x\n finally:\n  try: continue\n  except: x",
        ],
    );
    accepted(&[
        "while 1:\n  try: continue\n  finally: break",
        "while 1:\n  try: x\n  except: continue\n  else: break",
        "while 1:\n try: x\n finally:\n  while 1: continue",
    ]);
}

#[test]
fn names_are_given_once_and_none_is_not_given_at_all() {
    refused(
        "duplicate argument 'a' in function definition",
        &["def f(a, a): x", "def f(a, (b, a)): x", "def f(a, *a): x"],
    );
    refused("keyword argument repeated", &["f(a=1, a=2)"]);
    refused(
        "None",
        &[
            "None = 1",
            "x.None = 1",
            "def None(): x",
            "class None: x",
            "def f(None): x",
            "f(None=1)",
        ],
    );
    refused(
        "None",
        &[
            "del None",
            "None += 1",
            "for None in x: x",
            "[1 for None in x]",
            "try: x\nexcept A, None: x",
        ],
    );
    accepted(&["x.None", "None", "True = 1", "f(a=1, b=2)"]);
    refused(
        "generator",
        &["(x for x in y) = 1", "for (x for x in y) in z: pass"],
    );
}

#[test]
fn a_bare_except_comes_last() {
    refused("must be last", &["try: x\nexcept: x\nexcept A: x"]);
    accepted(&["try: x\nexcept A: x\nexcept: x\nelse: x\nfinally: x"]);
}

#[test]
fn counts_stay_within_those_of_cpython() {
    let call = |count: usize| format!("f({})", vec!["1"; count].join(","));
    accepted(&[&call(255)]);
    refused("255", &[&call(256)]);
    let nested = |depth: usize| {
        (0..depth)
            .map(|level| format!("{}while 1:\n", " ".repeat(level)))
            .collect::<String>()
    };
    accepted(&[&format!("{}{}x", nested(20), " ".repeat(20))]);
    refused("20", &[&format!("{}{}x", nested(21), " ".repeat(21))]);
}

#[test]
fn places_do_not_matter_where_a_constant_condition_leaves_no_code() {
    accepted(&[
        "if 0: break",
        "if 1: x\nelif y: return\nelse: continue",
        "while '': break\nelse: x",
        "while 0.0: x; return",
    ]);
    refused(
        "outside",
        &[
            "if x: x\nelif 0: x\nelse: break",
            "while 0: x\nelse: return",
            "if False: return",
        ],
    );
    refused("duplicate", &["if 0:\n  def f(a, a): x"]);
}

#[test]
fn a_variable_that_an_inner_function_uses_is_not_deleted() {
    refused(
        "referenced in nested scope",
        &[
            "def f(x):\n  def g(): return x\n  del x",
            "def f():\n  x = 1\n  del [y, x]\n  class A:\n    def g(self, a=1): return [x for y in a]",
            "def f(x):\n  del x\n  class A(x): x",
        ],
    );
    accepted(&[
        "def g(): return x\ndel x",
        "def f(x):\n  def g(x): return x\n  del x",
        "def f(x):\n  def g(a=x): pass\n  del x",
        "class A:\n  x = 1\n  def g(): return x\n  del x",
        "def f(x):\n  def g(): x = 1; return x\n  if 0: del x",
        "def f(x):\n  class A(x): x = 2; x\n  del x",
    ]);
}
