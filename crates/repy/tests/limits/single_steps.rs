//! Single steps that need more memory than there is: each asks before it takes.

use super::{Scene, is_killed_for_memory};

/// Programs whose last step needs much more than the 40 MB they may have, and a good part of it holds already.
const STEPS: [(&str, &str); 15] = [
    ("repr", "x = repr('\\0' * 9000000)\n"),
    ("repr in a list", "x = repr(['\\0' * 9000000])\n"),
    ("octal", "x = oct(1 << 60000000)\n"),
    (
        "hexadecimal",
        "x = [hex(1 << 60000000), hex(1 << 60000000)]\n",
    ),
    ("%o", "x = '%o' % (1 << 60000000)\n"),
    ("%x", "x = '%x%x' % (1 << 60000000, 1 << 60000000)\n"),
    ("format", "x = '{0:b}'.format(1 << 60000000)\n"),
    ("%s", "b = 'b' * 9000000\nx = '%s%s%s%s%s' % ((b,) * 5)\n"),
    (
        "fields",
        "b = 'b' * 9000000\nx = '{0}{0}{0}{0}{0}'.format(b)\n",
    ),
    ("an exception", "raise ValueError('b' * 24000000)\n"),
    (
        "several arguments",
        "raise ValueError('\\0' * 4000000, '\\0' * 4000000)\n",
    ),
    (
        "str() of it",
        "class E(Exception):\n  def __str__(self):\n    return 'x' * 20000000\nraise E\n",
    ),
    (
        "repr of much",
        "x = repr([1, '\\0' * 7000000, range(100000)])\n",
    ),
    ("split", "x = ('a ' * 4500000).split()\n"),
    (
        "items",
        "d = {}\nfor i in xrange(300000):\n  d[i] = i\nx = [d.items(), d.items(), d.items()]\n",
    ),
];

/// Steps that ask at once for more than any machine has: what they can never have, programs may go on without.
const IMPOSSIBLE: [&str; 7] = [
    "'a' * 10 ** 15",
    "'a'.ljust(10 ** 15)",
    "range(10 ** 12)",
    "[1] * 10 ** 15",
    "(1, 2) * 10 ** 12",
    "1 << 10 ** 12",
    "'%1000000000000d' % 1",
];

#[test]
fn a_step_that_asks_for_what_can_never_be_had_is_a_memory_error_that_programs_catch() {
    let mut program = String::new();
    for step in IMPOSSIBLE {
        program += &format!(
            "try:\n  x = {step}\n  log('had: ', {step:?}, '\\n')\nexcept MemoryError, e:\n  assert(str(e) == '')\n"
        );
    }
    let scene = Scene::new(&program, &[("memory", "40000000")]);
    assert_eq!(scene.run(), (Some(0), String::new()));
}

#[test]
fn repeating_nothing_takes_no_time_however_often() {
    let program = "\
l = []
l *= 10 ** 18
log([] * 10 ** 18, () * 10 ** 18, l, '' * 10 ** 18 == '', [1] * 0, ''.zfill(0) == '')
for width in [2 ** 63 - 1, 2 ** 63 - 37]:
  for fill in ['zfill', 'ljust', 'rjust', 'center']:
    try:
      if fill == 'zfill':
        'a'.zfill(width)
      elif fill == 'ljust':
        'a'.ljust(width)
      elif fill == 'rjust':
        'a'.rjust(width)
      else:
        'a'.center(width)
    except OverflowError, e:
      log(str(e) == 'string is too large')
";
    let trues = " True".repeat(8);
    let expected = format!("[] () [] True [] True{trues}");
    assert_eq!(Scene::new(program, &[]).run(), (Some(0), expected));
}

#[test]
fn a_step_that_needs_too_much_ends_a_program_in_order() {
    for (what, program) in STEPS {
        is_killed_for_memory(what, program);
    }
}
