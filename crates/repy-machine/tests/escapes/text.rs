//! Attempts by way of text: `str.format`, `%`, conversions, codecs, and keywords made of strings.

use crate::{each_raises, logs};

#[test]
fn format_fields_do_not_walk_to_hidden_attributes() {
    each_raises(
        "class A:\n  def __init__(self):\n    self.x = 1\n  def m(self):\n    pass\nclass B(object):\n  pass\ndef f():\n  pass\na = A()\nb = B()\ne = ValueError('x')",
        "AttributeError",
        &[
            "'{0.__class__}'.format(1)",
            "'{0.__class__.__bases__}'.format(1)",
            "'{0.__class__.__mro__[1].__subclasses__}'.format('')",
            "'{.__class__}'.format(1)",
            "'{a.__class__}'.format(a=1)",
            "'{a.__dict__}'.format(a=a)",
            "'{0.func_globals}'.format(f)",
            "'{0.func_globals[eval]}'.format(f)",
            "'{0.func_code.co_consts}'.format(f)",
            "'{0.func_closure[0].cell_contents}'.format(f)",
            "'{0.__globals__}'.format(f)",
            "'{0.m.im_func.func_globals}'.format(a)",
            "'{0.m.im_self}'.format(a)",
            "'{0.m.im_class}'.format(a)",
            "'{0.__init__.im_func}'.format(a)",
            "'{0.__init__.__globals__}'.format(a)",
            "'{0.__init__.func_globals}'.format(A)",
            "'{0.__doc__}'.format(a)",
            "'{0.__module__}'.format(A)",
            "'{0.__name__}'.format(A)",
            "'{0.__traceback__}'.format(e)",
            "'{0.tb_frame}'.format(e)",
            "'{0.gi_frame}'.format(f)",
            "'{0.f_back}'.format(f)",
            "'{0[0].__class__}'.format([1])",
            "'{0[k].__class__}'.format({'k': 1})",
            "'{0.x.__class__}'.format(a)",
            "'{0!r:{1.__class__}}'.format(1, 2)",
            "'{0:{1.func_globals}}'.format(1, f)",
            "'{0.__class__!r}'.format(1)",
            "'{0.__class__:>10}'.format(1)",
            "'{0.encode}'.format('x')",
            "'{0.decode}'.format('x')",
            "str.format('{0.__class__}', 1)",
            "'{0.keys.__self__}'.format(_context)",
            "'{0.__builtins__}'.format(_context)",
            "('{0.__cla' + 'ss__}').format(1)",
            "('%s' % '{0.__class__}').format(1)",
        ],
    );
    each_raises(
        "",
        "(KeyError, ValueError, TypeError)",
        &[
            "'{0[__builtins__]}'.format(_context)",
            "'{0[__class__]}'.format({})",
            "'{0[__class__]}'.format([])",
            "'{0[__class__]}'.format(1)",
            "'{__class__}'.format(1)",
            "'{_context}'.format()",
        ],
    );
}

#[test]
fn allowed_special_names_lead_no_further() {
    logs(
        "class A:\n  def __init__(self):\n    pass\nx = '{0.__init__}'.format(A())\nlog(x[:13])",
        "<bound method",
    );
    each_raises(
        "class A:\n  def __init__(self):\n    pass\na = A()",
        "AttributeError",
        &[
            "a.__init__.name",
            "a.__init__.code",
            "'{0.__init__.__init__.__class__}'.format(a)",
            "''.__iter__",
            "1 .__del__",
        ],
    );
}

#[test]
fn percent_formats_ask_mappings_only_for_keys() {
    each_raises(
        "class A:\n  x = 1\nclass B(object):\n  x = 1",
        "(KeyError, TypeError, AttributeError, ValueError)",
        &[
            "'%(__class__)s' % {}",
            "'%(x)s' % A()",
            "'%(__class__)s' % A()",
            "'%(x)s' % B()",
            "'%(__builtins__)s' % _context",
            "'%(__class__)s' % ValueError('x')",
        ],
    );
    // A dictionary may have any key: it is text.
    logs(
        "log('%(__class__)s' % {'__class__': 1}, '{__class__}'.format(**{'__class__': 1}))",
        "1\n1",
    );
}

#[test]
fn text_of_objects_shows_no_more_than_their_names() {
    logs(
        "secret = 'hidden'\ndef f():\n  return secret\nclass A:\n  def m(self):\n    return secret\n\
         shown = repr(f) + repr(A) + repr(A()) + repr(A().m) + repr(log) + str(ValueError) + repr(len)\n\
         log('hidden' in shown)",
        "False",
    );
}

#[test]
fn codecs_do_not_exist() {
    // The names are refused by the check, and there is nothing behind them either.
    each_raises(
        "",
        "AttributeError",
        &[
            "'{0.encode}'.format('x')",
            "'x'.codec",
            "'x'.encoding",
            "str.maketrans",
        ],
    );
    each_raises(
        "",
        "RunBuiltinException",
        &[
            "unicode('x')",
            "unichr(95)",
            "bytes('x')",
            "bytearray('x')",
            "intern('x')",
        ],
    );
    // Bytes stay bytes: nothing turns them into text of another kind.
    logs(
        "x = 'a\\xff\\0b'\nlog(repr(x + 'c'), repr('%s' % x), repr('{0}'.format(x)), len(x), repr(x.upper()))",
        "'a\\xff\\x00bc'\n'a\\xff\\x00b'\n'a\\xff\\x00b'\n4\n'A\\xff\\x00B'",
    );
}

#[test]
fn keywords_made_of_strings_reach_parameters_only() {
    logs(
        "def f(**named):\n  return named\nlog(f(**{'__class__': 1, 'func_globals': 2}) == {'__class__': 1, 'func_globals': 2})",
        "True",
    );
    // A parameter with a forbidden name can be filled, but the program cannot name it.
    logs(
        "def f(__a, __b=2):\n  return 1\nlog(f(1), f(**{'__a': 1}))",
        "1\n1",
    );
    each_raises(
        "class A(object):\n  pass\nclass B:\n  pass\ndef f():\n  pass",
        "TypeError",
        &[
            "A(**{'__class__': 1})",
            "B(**{'__dict__': {}})",
            "object(**{'__class__': 1})",
            "f(**{'func_globals': 1})",
            "f(**{1: 2})",
            "f(**[('a', 1)])",
            "str(**{'__class__': 1})",
            "int(**{'__class__': 1})",
            "[].sort(**{'__class__': 1})",
            "max(1, 2, **{'__class__': 1})",
            "ValueError(**{'__class__': 1})",
            "len(**{'__class__': 1})",
        ],
    );
    // A dictionary made of keywords is one, not an object's.
    logs("log(dict(**{'__class__': 1}))", "{'__class__': 1}");
}

#[test]
fn numbers_made_of_text_run_nothing() {
    each_raises(
        "",
        "(ValueError, TypeError, SyntaxError)",
        &[
            "int('__import__(\"os\")')",
            "float('log(1)')",
            "complex('1+log(1)')",
            "long('1 if 1 else 2')",
            "int('1', 99)",
            "int('1\\0')",
            "float('1\\0')",
            "int('\\xd9\\xa1')",
        ],
    );
}
