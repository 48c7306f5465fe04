//! Attempts with the builtin names: those that Repy takes away, by whatever way they are called, and `type`.

use crate::{each_raises, logs, output_of};

/// Names bound to a function that refuses to be called.
const HIDDEN: &[&str] = &[
    "all",
    "any",
    "apply",
    "basestring",
    "bin",
    "buffer",
    "bytearray",
    "bytes",
    "callable",
    "classmethod",
    "coerce",
    "compile",
    "delattr",
    "dir",
    "enumerate",
    "eval",
    "execfile",
    "exit",
    "file",
    "format",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "input",
    "intern",
    "iter",
    "locals",
    "memoryview",
    "next",
    "open",
    "property",
    "quit",
    "raw_input",
    "reload",
    "reversed",
    "setattr",
    "sorted",
    "staticmethod",
    "super",
    "unichr",
    "unicode",
    "vars",
];

#[test]
fn hidden_builtins_refuse_every_call() {
    for name in HIDDEN {
        for call in [
            "X()",
            "X('1')",
            "X('x', 1)",
            "X(x=1)",
            "X(*['1'])",
            "X(**{'a': 1})",
        ] {
            each_raises("", "RunBuiltinException", &[&call.replace('X', name)]);
        }
    }
}

#[test]
fn hidden_builtins_refuse_under_other_names() {
    each_raises(
        "e = eval\nd = {'e': eval}\nclass A:\n  m = eval\n  n = getattr\nclass B(object):\n  m = eval\ndef f(x=eval):\n  return x('1')",
        "RunBuiltinException",
        &[
            "e('1')",
            "d['e']('1')",
            "[eval][0]('1')",
            "A.m('1')",
            "A().m('1')",
            "B().m('1')",
            "A().n(1, 'real')",
            "f()",
            "f(open)",
            "map(eval, ['1'])",
            "map(getattr, [1], ['real'])",
            "filter(eval, ['1'])",
            "reduce(getattr, [1, 'real'])",
            "max(['1', '2'], key=eval)",
            "min(['1', '2'], key=compile)",
            "[2, 1].sort(key=eval)",
            "[2, 1].sort(getattr)",
            "_context['e']('1')",
        ],
    );
}

#[test]
fn hidden_builtins_are_no_classes() {
    each_raises(
        "",
        "(TypeError, RunBuiltinException)",
        &[
            "isinstance(1, file)",
            "issubclass(file, object)",
            "issubclass(str, basestring)",
        ],
    );
    for name in [
        "open",
        "file",
        "super",
        "property",
        "buffer",
        "basestring",
        "type",
        "SafeDict",
        "len",
    ] {
        let source = format!(
            "try:\n  class A({name}):\n    pass\n  log('got', A)\nexcept (TypeError, RunBuiltinException):\n  log('contained')"
        );
        logs(&source, "contained");
    }
}

#[test]
fn a_hidden_builtin_says_nothing_about_itself() {
    for name in ["eval", "open", "getattr"] {
        for attribute in ["name", "func", "args", "call", "code", "self", "real"] {
            each_raises("", "AttributeError", &[&format!("{name}.{attribute}")]);
        }
    }
}

#[test]
fn builtins_are_not_in_the_namespace_of_the_program() {
    logs(
        "log(attempt(_context.get, 'eval'), attempt(_context.has_key, 'len'), len in _context.values())",
        "got None\ngot False\nFalse",
    );
    // Names can be bound anew, in the program's own namespace only.
    logs(
        "len = 5\n_context['str'] = 6\nlog(_context['len'], type(''))",
        "5\n<type 'str'>",
    );
}

#[test]
fn a_namespace_has_no_dangerous_keys() {
    for key in [
        "__builtins__",
        "__import__",
        "__class__",
        "f_globals",
        "func_code",
        "encode",
        "a__b",
        "tb_frame",
    ] {
        let source = format!(
            "key = '{key}'\n\
             log(attempt(_context.get, key))\nlog(attempt(_context.has_key, key))\n\
             log(attempt(_context.setdefault, key, 1))\nlog(attempt(_context.pop, key, 1))\n\
             log(attempt(_context.update, {{key: 1}}))\nlog(attempt(_context.update, **{{key: 1}}))\n\
             log(attempt(SafeDict, {{key: 1, 'x': 2}}))\n\
             class Name(str):\n  pass\nlog(attempt(_context.get, Name(key)))\n\
             try:\n  _context[key] = 1\nexcept ValueError, e:\n  log(e)\n\
             try:\n  del _context[key]\nexcept ValueError, e:\n  log(e)\n\
             try:\n  log(key in _context)\nexcept ValueError, e:\n  log(e)\n"
        );
        let output = output_of(&source);
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines.len(), 11, "{output}");
        for (at, line) in lines.iter().enumerate() {
            let builtins_are_left_out =
                key == "__builtins__" && at == 6 && line.starts_with("got ");
            assert!(
                line.contains(&format!("Unsafe key: '{key}'")) || builtins_are_left_out,
                "{key}: {line}"
            );
        }
    }
}

#[test]
fn a_namespace_takes_no_keys_but_strings() {
    each_raises(
        "",
        "TypeError",
        &[
            "_context.get(1)",
            "_context[None]",
            "_context.setdefault(('__builtins__',), 1)",
            "1 in _context",
            "_context.update({1: 2})",
            "_context.update([(None, 2)])",
            "SafeDict({1: 2})",
        ],
    );
}

#[test]
fn a_namespace_has_no_attributes_to_set() {
    logs(
        "try:\n  _context.keys = 1\nexcept TypeError, e:\n  log(e)",
        "'SafeDict' attributes are read-only!",
    );
    logs(
        "try:\n  del _context.keys\nexcept TypeError, e:\n  log(e)",
        "'SafeDict' attributes are read-only!",
    );
    each_raises(
        "",
        "AttributeError",
        &[
            "_context.inner",
            "_context.dict",
            "_context.under",
            "_context.data",
        ],
    );
}

#[test]
fn the_type_of_types_stays_hidden() {
    logs(
        "log(type(int) is type, type(type) is type, type(type(type(1))) is type, type(object) is type)",
        "True\nTrue\nTrue\nTrue",
    );
    each_raises(
        "",
        "RunBuiltinException",
        &[
            "type()",
            "type('X', (), {})",
            "type('X', (object,), {'__getattr__': len})",
            "type(x=1)",
            "type(*('X', (), {}))",
            "type(1, **{'bases': ()})",
            "type(type)('X', (), {})",
            "type(int)('X', (), {})",
        ],
    );
}

#[test]
fn types_found_by_type_make_nothing_dangerous() {
    // Functions, methods, old-style classes and instances have types that CPython would let a program call.
    each_raises(
        "class A:\n  def m(self):\n    pass\nclass B(object):\n  def m(self):\n    pass\ndef f():\n  pass\nn = []",
        "(TypeError, RunBuiltinException)",
        &[
            "type(f)(f, {})",
            "type(f)('code', {}, 'name', (), ())",
            "type(A)('X', (), {'__getattr__': f})",
            "type(A)('X', (A,), {})",
            "type(A())(A, {'__class__': 1})",
            "type(A())(A)",
            "type(A().m)(f, 1, A)",
            "type(A.m)(f, None, A)",
            "type(n.append)()",
            "type(len)('x')",
            "type(str.join)('x')",
            "type(None)()",
            "type(None)(1)",
            "type(Ellipsis)()",
            "type(NotImplemented)()",
            "type({}.iterkeys())({})",
            "type(xrange(3).__iter__())(3)",
            "type({}.viewkeys())({})",
            "type(B)('X', (), {})",
        ],
    );
}

#[test]
fn a_namespace_made_anew_has_no_builtins() {
    logs("log(type(_context)({'__builtins__': 1}))", "{}");
}

#[test]
fn types_found_by_type_are_no_bases() {
    for kind in [
        "type(f)",
        "type(len)",
        "type(None)",
        "type(A)",
        "type(A())",
        "type(A().m)",
        "type(Ellipsis)",
        "type(True)",
        "type(xrange(3))",
        "type(slice(1))",
        "type(_context)",
        "type({}.viewkeys())",
        "type(type)",
    ] {
        let source = format!(
            "class A:\n  def m(self):\n    pass\ndef f():\n  pass\ntry:\n  class B({kind}):\n    pass\n  log('got', B)\n\
             except (TypeError, RunBuiltinException):\n  log('contained')"
        );
        logs(&source, "contained");
    }
}

#[test]
fn no_builtin_can_be_changed_for_others() {
    // Whatever the program can name: setting an attribute fails, so nothing is shared that could be poisoned.
    for name in [
        "str",
        "int",
        "object",
        "list",
        "dict",
        "ValueError",
        "Exception",
        "RepyException",
        "len",
        "map",
        "type",
        "SafeDict",
        "None",
        "True",
        "Ellipsis",
        "NotImplemented",
        "eval",
        "log",
        "_context",
        "''",
        "()",
        "1",
        "1.5",
        "[]",
        "{}",
        "set()",
        "xrange(3)",
        "slice(1)",
        "[].append",
        "str.join",
        "object()",
        "{}.viewkeys()",
        "{}.iterkeys()",
    ] {
        let source = format!(
            "x = {name}\ntry:\n  x.poison = 1\n  log('set')\nexcept (AttributeError, TypeError):\n  log('contained')\n\
             try:\n  del x.poison\n  log('deleted')\nexcept (AttributeError, TypeError):\n  log('contained')\n"
        );
        logs(&source, "contained\ncontained");
    }
    for (name, method) in [
        ("str", "join"),
        ("list", "append"),
        ("dict", "get"),
        ("ValueError", "__init__"),
    ] {
        let source = format!(
            "try:\n  {name}.{method} = 1\n  log('set')\nexcept (AttributeError, TypeError):\n  log('contained')\n\
             try:\n  del {name}.{method}\n  log('deleted')\nexcept (AttributeError, TypeError):\n  log('contained')\n"
        );
        logs(&source, "contained\ncontained");
    }
}
