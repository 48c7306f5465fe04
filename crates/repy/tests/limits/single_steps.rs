//! Single steps that need more memory than there is: each asks before it takes.

use super::is_killed_for_memory;

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

#[test]
fn a_step_that_needs_too_much_ends_a_program_in_order() {
    for (what, program) in STEPS {
        is_killed_for_memory(what, program);
    }
}
