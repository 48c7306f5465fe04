//! Attempts with objects: attributes that other implementations have, exceptions and tracebacks, classes whose methods
//! run at odd moments, and things changed under the feet of what uses them.

use crate::{each_raises, logs};

/// Names without underscores in doubles that lead somewhere in some version of Python.
const LEADING: &[&str] = &[
    "gi_frame",
    "gi_code",
    "gi_running",
    "cr_frame",
    "cr_code",
    "ag_frame",
    "cell_contents",
    "mro",
    "frame",
    "globals",
    "locals",
    "builtins",
    "modules",
    "obj",
    "self",
    "func",
    "fget",
    "fset",
    "fdel",
    "args",
    "kwargs",
    "keywords",
    "value",
    "traceback",
    "code",
    "name",
    "module",
    "dict",
    "bases",
    "subclasses",
    "exc_info",
    "last_traceback",
    "thisown",
    "this",
    "parent",
    "co",
    "function",
    "method",
    "class_",
    "_class",
    "_dict",
    "_globals",
    "_frame",
    "im",
    "f",
    "tb",
    "sys",
    "os",
];

#[test]
fn objects_have_no_attributes_that_lead_elsewhere() {
    let objects = [
        "f",
        "inner(1)",
        "A",
        "A()",
        "A().m",
        "A.m",
        "B",
        "B()",
        "B().m",
        "len",
        "[].append",
        "str.join",
        "str",
        "object",
        "object()",
        "type",
        "eval",
        "log",
        "_context",
        "_context.get",
        "SafeDict",
        "xrange(3)",
        "slice(1, 2)",
        "{}.iterkeys()",
        "{}.viewitems()",
        "[].__iter__()",
        "''",
        "1",
        "1L",
        "1.5",
        "1j",
        "()",
        "[]",
        "{}",
        "set()",
        "frozenset()",
        "None",
        "Ellipsis",
        "NotImplemented",
        "ValueError",
        "True",
    ];
    for object in objects {
        let mut source = String::from(
            "def f():\n  pass\ndef inner(x):\n  def g():\n    return x\n  return g\nclass A:\n  def m(self):\n    pass\n\
             class B(object):\n  def m(self):\n    pass\n",
        );
        source.push_str(&format!("x = {object}\n"));
        for name in LEADING {
            source.push_str(&format!(
                "try:\n  y = x.{name}\n  log('{name}')\nexcept AttributeError:\n  pass\n"
            ));
        }
        source.push_str("log('searched')");
        logs(&source, "searched");
    }
}

#[test]
fn exceptions_carry_arguments_and_nothing_else() {
    let names: String = LEADING
        .iter()
        .filter(|name| !matches!(**name, "args" | "code"))
        .map(|name| {
            format!("try:\n  y = e.{name}\n  log('{name}')\nexcept AttributeError:\n  pass\n")
        })
        .collect();
    for raised in [
        "1 / 0",
        "{}['x']",
        "[][1]",
        "eval('1')",
        "undefined",
        "None.x",
        "int('x')",
        "f(f)",
    ] {
        let source = format!(
            "def f():\n  secret = 'hidden'\n  {raised}\ntry:\n  f()\nexcept Exception, e:\n  pass\n{names}log(type(e.args) is tuple, 'hidden' in repr(e))"
        );
        logs(&source, "True\nFalse");
    }
}

#[test]
fn raising_takes_no_traceback() {
    for traceback in ["1", "f", "[]", "e", "_context"] {
        let source = format!(
            "def f():\n  pass\ne = ValueError('x')\ntry:\n  raise ValueError, 'x', {traceback}\nexcept TypeError, e:\n  log(e)"
        );
        logs(&source, "raise: arg 3 must be a traceback or None");
    }
}

#[test]
fn only_exceptions_can_be_raised() {
    for raised in [
        "'text'", "1", "None", "[]", "f", "len", "object", "object()", "_context", "A", "type",
        "eval",
    ] {
        let source = format!(
            "def f():\n  pass\nclass A(object):\n  pass\ntry:\n  raise {raised}\nexcept TypeError:\n  log('contained')"
        );
        logs(&source, "contained");
    }
}

#[test]
fn the_end_of_the_program_cannot_be_forged() {
    // SystemExit is an exception like others: it ends the program and nothing else.
    logs(
        "try:\n  raise SystemExit(0)\nexcept SystemExit, e:\n  log(e.code)",
        "0",
    );
    logs(
        "class A:\n  def __del__(self):\n    raise SystemExit(3)\na = A()\na = None\nlog('goes on')",
        "goes on",
    );
}

#[test]
fn special_methods_that_lie_are_found_out() {
    logs(
        "class A:\n  def __repr__(self):\n    return 5\n  def __str__(self):\n    return None\n  def __iter__(self):\n    return 5\n\
         log(attempt(repr, A()), attempt(str, A()), attempt(list, A()))",
        "TypeError('__repr__ returned non-string (type int)',)\nTypeError('__str__ returned non-string (type NoneType)',)\n\
         TypeError(\"__iter__ returned non-iterator of type 'int'\",)",
    );
    logs(
        "class A(object):\n  def __init__(self):\n    return 5\nlog(attempt(A))",
        "TypeError(\"__init__() should return None, not 'int'\",)",
    );
}

#[test]
fn special_methods_set_late_or_elsewhere_do_not_confuse() {
    logs(
        "class A:\n  pass\na = A()\na.__repr__ = len\na.__str__ = len\na.__iter__ = len\n\
         log(attempt(repr, a), attempt(str, a), attempt(list, a))",
        "TypeError('len() takes exactly one argument (0 given)',)\nTypeError('len() takes exactly one argument (0 given)',)\n\
         TypeError('len() takes exactly one argument (0 given)',)",
    );
    logs(
        "class A(object):\n  pass\nA.__init__ = str.join\nlog(attempt(A)[:9])\nA.__init__ = 5\nlog(attempt(A)[:9])\nA.__init__ = A\nlog(attempt(A)[:12])",
        "TypeError\nTypeError\nRuntimeError",
    );
    logs(
        "class A(object):\n  pass\nfor late in (list.__init__, dict.update, set.add, ValueError.__init__, len, str.__str__):\n  \
         A.__init__ = late\n  log(attempt(A)[:9])",
        "TypeError\nTypeError\nTypeError\nTypeError\nTypeError\nTypeError",
    );
    logs(
        "class A(object):\n  pass\nA.__del__ = len\na = A()\na = None\nA.__del__ = 5\na = A()\na = None\nlog('goes on')",
        "goes on",
    );
}

#[test]
fn builtin_methods_refuse_foreign_receivers() {
    each_raises(
        "class A:\n  pass\nclass L(list):\n  pass",
        "TypeError",
        &[
            "str.join(1, [])",
            "list.append({}, 1)",
            "list.append(A(), 1)",
            "dict.get([], 1)",
            "dict.update(A(), {})",
            "set.add(frozenset(), 1)",
            "ValueError.__init__(1)",
            "ValueError.__init__(A())",
            "list.__init__({})",
            "dict.__init__([])",
            "str.format()",
            "str.join()",
            "object.__init__()",
            "map(list.append, [1], [2])",
            "dict.keys(L())",
        ],
    );
}

#[test]
fn unbound_methods_refuse_foreign_receivers() {
    each_raises(
        "class A:\n  def m(self):\n    return self.secret\nclass B:\n  secret = 1\n",
        "TypeError",
        &["A.m(B())", "A.m()", "A.m(1)", "A.m(A)", "A.m(_context)"],
    );
    // Moved into another class it is still bound to its own.
    each_raises(
        "class A:\n  def m(self):\n    return 1\nclass B:\n  m = A.m\nclass C(object):\n  m = A.m\n",
        "TypeError",
        &["B().m()", "C().m()"],
    );
}

#[test]
fn containers_changed_while_they_are_used_stay_whole() {
    logs(
        "x = [3, 1, 2]\ndef key(i):\n  x.append(i)\n  return i\nlog(attempt(x.sort, key=key), x)",
        "ValueError('list modified during sort',)\n[1, 2, 3]",
    );
    logs(
        "x = [3, 1, 2]\ndef compare(a, b):\n  del x[:]\n  return cmp(a, b)\nx.sort(compare)\nlog(x)",
        "[1, 2, 3]",
    );
    logs("x = [1, 2, 3]\nfor i in x:\n  del x[:]\nlog(x)", "[]");
    logs(
        "x = {1: 2, 3: 4}\ntry:\n  for i in x:\n    x.clear()\nexcept RuntimeError, e:\n  log(e)",
        "dictionary changed size during iteration",
    );
    logs(
        "x = set([1, 2])\ntry:\n  for i in x:\n    x.clear()\nexcept RuntimeError, e:\n  log(e)",
        "Set changed size during iteration",
    );
    logs(
        "x = [1, 2, 3]\ndef f(i):\n  del x[:]\n  return i\nlog(map(f, x), filter(f, x))",
        "[1]\n[]",
    );
    logs(
        "x = [1, 2, 3]\nclass A:\n  def __repr__(self):\n    del x[:]\n    return 'A'\nx.append(A())\nlog(repr(x))",
        "[1, 2, 3, A]",
    );
    logs(
        "x = {}\nclass A:\n  def __repr__(self):\n    x.clear()\n    return 'A'\nx[1] = A()\nx[2] = 3\nlog(repr(x))",
        "{1: A, 2: 3}",
    );
    logs(
        "x = [1, 2, 3, 4]\nclass I:\n  def __iter__(self):\n    return self\n  def next(self):\n    del x[:]\n    raise StopIteration\nx[1:3] = I()\nlog(x)",
        "[]",
    );
    logs(
        "x = []\nclass I:\n  def __iter__(self):\n    return self\n  def next(self):\n    if len(x) > 3:\n      raise StopIteration\n    x.append(1)\n    return 2\nx.extend(I())\nlog(x)",
        "[1, 2, 1, 2]",
    );
    logs(
        "x = {}\nclass K:\n  def keys(self):\n    x.clear()\n    return ['a']\nlog(attempt(x.update, K())[:14])",
        "AttributeError",
    );
}

#[test]
fn destructors_that_bring_something_back_run_again_when_it_goes() {
    logs(
        "kept = []\ncount = [0]\nclass A(object):\n  def __del__(self):\n    count[0] += 1\n    kept.append(self)\n\
         a = A()\na = None\nlog(count[0])\ndel kept[:]\nlog(count[0])",
        "1\n2",
    );
    logs(
        "class A(object):\n  def __init__(self, n):\n    self.n = n\n  def __del__(self):\n    if self.n:\n      A(self.n - 1)\n\
         a = A(100)\na = None\nlog('ends')",
        "ends",
    );
}

#[test]
fn identities_are_numbers_and_no_way_back() {
    logs(
        "x = [1]\nlog(type(id(x)) is int, id(x) == id(x))\ntry:\n  id(x).real.value\nexcept AttributeError:\n  log('contained')",
        "True\nTrue\ncontained",
    );
    each_raises(
        "",
        "(TypeError, ValueError)",
        &["object(id(1))", "list(id([]))", "str.join(id(''), [])"],
    );
}

#[test]
fn classes_with_impossible_bases_are_refused() {
    for bases in [
        "1",
        "None",
        "f",
        "len",
        "int, str",
        "int, list",
        "A, A",
        "object, A",
        "B, object, B",
        "bool",
        "xrange",
        "slice",
        "log",
        "A()",
    ] {
        let source = format!(
            "def f():\n  pass\nclass A(object):\n  pass\nclass B(object):\n  pass\ntry:\n  class C({bases}):\n    pass\n  log('made')\n\
             except TypeError:\n  log('contained')"
        );
        logs(&source, "contained");
    }
}

#[test]
fn a_class_of_one_namespace_does_not_reach_into_another() {
    // A function runs in the namespace it was made in, wherever it is called.
    logs(
        "x = 'own'\ndef f():\n  return x\nother = SafeDict({'x': 'other', 'f': f})\nlog(other['f'](), other['x'])",
        "own\nother",
    );
}
