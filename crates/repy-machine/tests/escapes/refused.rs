//! Attempts that the safety check refuses: constructs and identifiers.

use crate::{is_no_python, is_unsafe};

/// One test for each attempt.
macro_rules! refused {
    ($($name:ident: $source:expr,)*) => {
        $(#[test]
        fn $name() {
            is_unsafe($source);
        })*
    };
}

// Ways to other code.
refused! {
    import: "import os",
    import_from: "from os import system",
    import_star: "from os import *",
    import_as: "import os as harmless",
    relative_import: "from . import os",
    import_in_a_function: "def f():\n  import os\n  return os",
    import_in_a_class: "class A:\n  import os",
    import_after_a_docstring: "'text'; import os",
    import_after_a_long_docstring: "'''text\nmore'''; import os\n",
    import_behind_a_semicolon: "x = 1; import os",
    import_behind_if: "if 0: import os",
    exec_statement: "exec 'import os'",
    exec_in_a_namespace: "exec 'x = 1' in {}",
    exec_like_a_function: "exec('import os')",
    backquotes: "x = `1`",
    print_statement: "print 'x'",
    print_to_an_object: "print >>x, 1",
    lambda: "f = lambda: 0",
    lambda_as_default: "def f(x=lambda: 0):\n  pass",
    generator: "def f():\n  yield 1",
    generator_expression: "x = (y for y in [])",
    decorator: "@property\ndef f():\n  pass",
    class_decorator: "@str\nclass A:\n  pass",
    with_statement: "with x:\n  pass",
    global_statement: "def f():\n  global x\n  x = 1",
    conditional_expression: "x = 1 if 2 else 3",
    set_display: "x = {1}",
    set_comprehension: "x = {y for y in []}",
    dictionary_comprehension: "x = {y: y for y in []}",
    unicode_literal: "x = u'a'",
    unicode_literal_in_a_docstring: "u'a'",
    raw_unicode_literal: "x = ur'a'",
    unicode_after_bytes: "x = 'a' u'b'",
}

// Names that lead from any object to all others.
refused! {
    class_of_an_object: "().__class__",
    bases_of_a_class: "x = int.__bases__",
    base_of_a_class: "x = int.__base__",
    order_of_a_class: "x = int.__mro__",
    subclasses_of_a_class: "x = object.__subclasses__()",
    the_classic_walk: "().__class__.__bases__[0].__subclasses__()[40]('/etc/passwd')",
    dictionary_of_an_object: "x.__dict__",
    dictionary_of_a_class: "class A:\n  pass\nA.__dict__['x']",
    globals_of_a_function: "def f():\n  pass\nf.func_globals",
    globals_of_a_function_by_the_new_name: "def f():\n  pass\nf.__globals__",
    code_of_a_function: "def f():\n  pass\nf.func_code",
    closure_of_a_function: "def f():\n  pass\nf.func_closure",
    defaults_of_a_function: "def f():\n  pass\nf.func_defaults = ()",
    constants_of_code: "x.co_consts",
    bytes_of_code: "x.co_code",
    function_of_a_method: "x.m.im_func",
    object_of_a_method: "x.m.im_self",
    class_of_a_method: "x.m.im_class",
    object_of_a_builtin_method: "x = [].append.__self__",
    module_of_a_function: "x = len.__module__",
    frame_of_a_traceback: "x.tb_frame",
    next_of_a_traceback: "x.tb_next",
    back_of_a_frame: "x.f_back",
    locals_of_a_frame: "x.f_locals",
    globals_of_a_frame: "x.f_globals",
    builtins_of_a_frame: "x.f_builtins",
    reduce_protocol: "x = ().__reduce_ex__(2)",
    new_of_a_class: "x = object.__new__(object)",
    attribute_by_a_method: "x = ().__getattribute__('x')",
    setting_by_a_method: "object.__setattr__(x, 'y', 1)",
    call_by_a_method: "x = len.__call__([])",
    import_by_name: "__import__('os')",
    import_as_a_value: "x = __import__",
    builtins_by_name: "__builtins__",
    builtins_as_an_attribute: "x.__builtins__",
    file_name: "__file__",
    name_of_the_program: "__name__",
    codec_encode: "'x'.encode('rot13')",
    codec_decode: "'6f73'.decode('hex')",
    codec_as_a_value: "x = str.decode",
    a_variable_called_encode: "encode = 1",
}

// The same names wherever an identifier may stand.
refused! {
    as_an_assigned_attribute: "x.__class__ = y",
    as_a_deleted_attribute: "del x.__dict__",
    as_an_augmented_attribute: "x.__dict__ += 1",
    as_a_loop_variable: "for x.__class__ in []:\n  pass",
    as_an_unpacked_target: "(x, y.__class__) = 1, 2",
    as_a_nested_target: "[x, (y, [z.func_code])] = 1",
    as_a_caught_exception: "try:\n  pass\nexcept E, x.__class__:\n  pass",
    as_a_caught_exception_in_the_new_form: "try:\n  pass\nexcept E as f_x:\n  pass",
    as_a_comprehension_variable: "[1 for x.__class__ in []]",
    as_a_keyword_argument: "f(__class__=1)",
    as_a_keyword_with_a_prefix: "f(func_x=1)",
    as_a_function: "def __hidden():\n  pass",
    as_a_function_with_a_prefix: "def f_x():\n  pass",
    as_a_class: "class __hidden:\n  pass",
    as_a_variable_of_a_class: "class A:\n  __metaclass__ = x",
    as_slots: "class A(object):\n  __slots__ = ['x']",
    as_a_special_method: "class A:\n  def __getattr__(self, name):\n    pass",
    as_a_comparison_method: "class A:\n  def __eq__(self, other):\n    pass",
    as_a_hash_method: "class A:\n  def __hash__(self):\n    pass",
    as_a_call_method: "class A:\n  def __call__(self):\n    pass",
    as_a_coercion_method: "class A:\n  def __coerce__(self, other):\n    pass",
    as_a_descriptor: "class A(object):\n  def __get__(self, a, b):\n    pass",
    as_a_private_name: "class A:\n  def m(self):\n    self.__x = 1",
    as_a_used_parameter: "def f(__a):\n  return __a",
    as_a_star_parameter_used: "def f(*__a):\n  return __a",
    as_a_default_value: "def f(x=y.__class__):\n  pass",
    as_a_base: "class A(x.__class__):\n  pass",
    as_an_index: "x[y.__class__]",
    as_a_part_of_a_slice: "x[y.__class__:]",
    as_a_raised_value: "raise x.__class__",
    as_an_assertion: "assert x.__class__",
    as_a_dictionary_key: "{x.__class__: 1}",
    across_a_line: "x.\\\n__class__",
    between_other_letters: "x.a__b",
    only_underscores: "__ = 1",
    behind_a_docstring: "'doc'\nx.__class__",
    in_the_line_of_a_docstring: "'doc'; x.__class__",
    in_a_function_behind_its_docstring: "def f():\n  'doc'; x.__class__",
}

#[test]
fn tricks_with_the_text_of_the_file() {
    // A coding line is no way to hide text from the check: the file is UTF-8 whatever it says.
    is_unsafe("# coding: rot13\nimport os");
    is_unsafe("# -*- coding: utf-7 -*-\nx = 1 #+AAo-\nimport os");
    is_unsafe("# coding: latin-1\nx = 1\nx.__class__");
    is_no_python(b"# coding: latin-1\nx = '\xff'");
    // Rot13 of a program is no program.
    is_no_python(b"# coding: rot13\nvzcbeg bf");
    // A null byte ends nothing.
    is_no_python(b"x = 1\0\nimport os");
    is_no_python(b"x = 1 #\0\nimport os");
    is_no_python(b"x = 'a\0b'");
    // Lines end where CPython's end: a lone carriage return, a form feed, other Unicode line ends hide nothing.
    is_unsafe("x = 1 # comment\rimport os");
    is_unsafe("x = 1 # comment\r\nimport os");
    is_unsafe("x = 1\n\u{c}import os");
    assert!(
        overlord_repy_syntax::check::load("x = 1 # comment\u{2028}import os\n".as_bytes()).is_ok()
    );
    assert!(
        overlord_repy_syntax::check::load("x = 1 # comment\u{85}import os\n".as_bytes()).is_ok()
    );
    // Letters that only look like others are no letters.
    is_no_python("x.＿＿class＿＿".as_bytes());
    is_no_python("x.__clas\u{455}__".as_bytes());
    is_no_python("\u{feff}\u{feff}import os".as_bytes());
    is_no_python(b"x.__cl\\\nass__");
    // Bytes that are no UTF-8, overlong underscores; a surrogate is taken in a string, as CPython 2.7 takes it.
    is_no_python(b"x.\xc1\x9f\xc1\x9fclass\xc1\x9f\xc1\x9f");
    is_no_python(b"x.\xed\xa0\x80");
    assert!(overlord_repy_syntax::check::load(b"x = '\xed\xa0\x80'").is_ok());
    // An unfinished string or bracket swallows nothing.
    is_no_python(b"x = '''\nimport os");
    is_no_python(b"x = (\nimport os");
    is_no_python(b"if 1:\n\timport os\n        x = 1\n    y = 2");
}

#[test]
fn what_the_check_lets_pass_is_text_or_a_parameter() {
    for source in [
        "x = '__class__'",
        "'''__class__ import os'''",
        "# __import__('os')\n",
        "def f(__class__, func_globals=1, *im_self, **co_code):\n  return 1",
        "def f((__a, __b)):\n  return 1",
        "class A:\n  'a docstring with __class__'\n  def __init__(self):\n    'and __dict__'",
        "x.append_f_ = 1",
        "x.a_b_c_ = 1",
    ] {
        assert!(
            overlord_repy_syntax::check::load(source.as_bytes()).is_ok(),
            "{source}"
        );
    }
}
