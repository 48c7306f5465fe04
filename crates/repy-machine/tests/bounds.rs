//! Programs that try to hold up the machine or to take more than they may, most with a single operation: each ends
//! soon after it is told to stop or when its memory is used up, and never brings down the process.
//!
//! What a program does with many instructions is `tests/fuzz_machine.rs`' business.

#![expect(clippy::expect_used, reason = "a test that cannot set the scene fails")]

use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use overlord_repy_machine::{
    CountingAllocator, Limits, Machine, Program, SliceEnd, Stop, Value, memory_used,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// What a program may take.
const MEMORY_LIMIT: usize = 48 << 20;

/// By how much the count may exceed that when the machine stops: what fits between two looks.
const OVERRUN: usize = 2 << 20;

/// When a program that would run for ever is told to stop, and when one that must end by itself is.
const TOLD_AFTER: Duration = Duration::from_millis(150);
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take then, on a loaded machine, unoptimised.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// How a program ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Finished,
    Raised(&'static str),
    OutOfMemory,
    /// It had to be told.
    Told,
}

/// The native stack the machine must be content with: what a thread has by default. Unoptimised code takes several
/// times as much.
const STACK_BYTES: usize = if cfg!(debug_assertions) {
    8 << 20
} else {
    2 << 20
};

fn end_of(source: &str, told_after: Duration) -> End {
    let source = source.to_owned();
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let running = thread.spawn(move || end_on_this_thread(&source, told_after));
    running.expect("a thread").join().expect("no panic")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test measures how long an end takes"
)]
fn end_on_this_thread(source: &str, told_after: Duration) -> End {
    let program = Program::new(source.as_bytes(), "bomb").expect("a program");
    let before = memory_used();
    let mut machine = Machine::new(Limits {
        memory: Some(before + MEMORY_LIMIT),
    });
    let globals = machine.new_globals();
    let log = machine.host_function("log", |_, _| Ok(Value::None));
    globals.set_variable(&mut machine, "log", log);
    let main = machine.load(&program, &globals).expect("compiles");
    let mut thread = machine.thread(main, Vec::new());
    let stop = machine.stop_flag();
    let (done, watch) = channel::<()>();
    let watcher = std::thread::spawn(move || {
        let told = watch.recv_timeout(told_after) == Err(RecvTimeoutError::Timeout);
        if told {
            stop.store(true, Ordering::Relaxed);
        }
        told.then(Instant::now)
    });
    let end = machine.run_slice(&mut thread, u64::MAX);
    let ended = Instant::now();
    drop(done);
    let used = memory_used().saturating_sub(before);
    assert!(
        used <= MEMORY_LIMIT + OVERRUN,
        "{used} bytes are used by\n{source}"
    );
    let told = watcher.join().expect("the watcher ends");
    if let Some(told) = told {
        let took = ended.saturating_duration_since(told);
        assert!(took < ENDS_WITHIN, "{took:?} after being told:\n{source}");
    }
    match end {
        SliceEnd::Finished(_) => End::Finished,
        SliceEnd::Raised(uncaught) => {
            let kind = machine.exception_kind(&uncaught);
            assert!(
                machine
                    .format_exception(&uncaught)
                    .is_ok_and(|report| !report.is_empty())
            );
            End::Raised(kind.map_or("", |kind| kind.name()))
        }
        SliceEnd::Stopped(Stop::Memory { .. }) => End::OutOfMemory,
        SliceEnd::Stopped(Stop::Interrupted) => End::Told,
        _ => panic!("neither ended nor stopped:\n{source}"),
    }
}

macro_rules! ends {
    ($($name:ident: $source:expr => $end:pat,)*) => {
        $(#[test]
        fn $name() {
            let told_after = if matches!(Told, $end) { TOLD_AFTER } else { PATIENCE };
            let end = end_of($source, told_after);
            assert!(matches!(end, $end), "{end:?}");
        })*
    };
}

use End::{Finished, OutOfMemory, Raised, Told};

// Operations that go through something endless, or as good as.
ends! {
    sum_of_a_huge_range: "sum(xrange(10 ** 12))" => Told,
    product_by_reduce: "reduce(max, xrange(10 ** 12))" => Told,
    greatest_of_a_huge_range: "max(xrange(10 ** 12))" => Told,
    search_in_a_huge_range: "5.5 in xrange(10 ** 12)" => Told,
    unpacking_stops_at_its_need: "try:\n  a, b = xrange(10 ** 12)\nexcept ValueError:\n  pass" => Finished,
    search_in_an_endless_iterator: "class I:
  def __iter__(self):
    return self
  def next(self):
    return 1
2 in I()" => Told,
    map_over_an_endless_iterator: "class I:
  def __iter__(self):
    return self
  def next(self):
    return 1
map(None, I())" => Told | OutOfMemory,
    filter_that_keeps_nothing: "filter({}.get, xrange(10 ** 12))" => Told,
    a_comparison_of_tangled_lists: "a = []\nb = []\nfor i in xrange(60):\n  a = [a, a]\n  b = [b, b]\na == b" => Told,
    an_ordering_of_tangled_tuples: "a = ()\nb = ()\nfor i in xrange(60):\n  a = (a, a)\n  b = (b, b)\na < b" => Told,
    cmp_of_tangled_dictionaries: "a = {}\nb = {}\nfor i in xrange(60):\n  a = {1: a, 2: a}\n  b = {1: b, 2: b}\ncmp(a, b)" => Told,
    the_text_of_a_tangle: "a = []\nfor i in xrange(60):\n  a = [a, a]\nrepr(a)" => Told | OutOfMemory,
    the_text_of_a_tangled_dictionary: "a = {}\nfor i in xrange(60):\n  a = {1: a, 2: a}\n'%s' % a" => Told | OutOfMemory,
    the_hash_of_a_tangle: "a = ()\nfor i in xrange(60):\n  a = (a, a)\n{a: 1}" => Told,
    isinstance_of_a_tangle: "a = str\nfor i in xrange(60):\n  a = (a, a)\nisinstance(1, a)" => Told,
    issubclass_of_a_tangle: "a = str\nfor i in xrange(60):\n  a = (a, a)\nissubclass(int, a)" => Told,
    except_with_a_tangle: "a = KeyError\nfor i in xrange(60):\n  a = (a, a)\ntry:\n  1 / 0\nexcept a:\n  pass" => Told,
    classes_with_tangled_bases: "bases = object
for i in xrange(20000):
  class C(bases):
    pass
  bases = C
" => Told | OutOfMemory,
}

// Operations that grow without end.
ends! {
    zip_of_a_huge_range: "zip(xrange(10 ** 12))" => OutOfMemory,
    map_of_a_huge_range: "map(None, xrange(10 ** 12))" => OutOfMemory,
    filter_of_a_huge_range: "filter(None, xrange(10 ** 12))" => OutOfMemory,
    list_of_a_huge_range: "list(xrange(10 ** 12))" => Raised("MemoryError"),
    set_of_a_huge_range: "set(xrange(10 ** 12))" => Raised("MemoryError"),
    tuple_of_a_huge_range: "tuple(xrange(10 ** 12))" => Raised("MemoryError"),
    a_range_itself: "range(10 ** 12)" => Raised("MemoryError"),
    a_range_of_longs: "range(10 ** 20, 10 ** 20 + 10 ** 9)" => Raised("MemoryError"),
    a_dictionary_of_pairs: "dict(zip(xrange(10 ** 8), xrange(10 ** 8)))" => OutOfMemory,
    extend_by_a_huge_range: "[].extend(xrange(10 ** 12))" => Raised("MemoryError"),
    extend_by_an_iterator: "x = []\nx += xrange(10 ** 12)" => Raised("MemoryError"),
    a_list_extended_by_its_own_iterator: "class I:
  def __init__(self):
    self.items = []
  def __iter__(self):
    return self
  def next(self):
    return [0] * 1000
x = []
x.extend(I())" => OutOfMemory | Told,
    a_string_repeated: "'a' * 10 ** 12" => Raised("MemoryError"),
    a_list_repeated: "[0] * 10 ** 12" => Raised("MemoryError"),
    a_tuple_repeated: "(0,) * 10 ** 12" => Raised("MemoryError"),
    a_list_repeated_in_place: "x = [0]\nx *= 10 ** 12" => Raised("MemoryError"),
    a_string_doubled: "x = 'a'\nwhile True:\n  x = x + x" => OutOfMemory,
    a_list_doubled: "x = [0]\nwhile True:\n  x = x + x" => OutOfMemory,
    a_list_sliced_into_itself: "x = [0]\nwhile True:\n  x[len(x):] = x" => OutOfMemory,
    a_growing_list: "x = []\nwhile True:\n  x.append(1)" => OutOfMemory,
    a_growing_list_comprehension: "[[i] for i in xrange(10 ** 12)]" => OutOfMemory,
    a_growing_dictionary: "x = {}\nwhile True:\n  x[len(x)] = 1" => OutOfMemory,
    a_growing_set: "x = set()\nwhile True:\n  x.add(len(x))" => OutOfMemory,
    a_growing_instance: "class A:\n  pass\nx = A()\nwhile True:\n  y = A()\n  y.next = x\n  x = y" => OutOfMemory,
    a_growing_exception: "x = []\nwhile True:\n  try:\n    raise ValueError(x)\n  except ValueError, e:\n    x = [e]" => OutOfMemory,
    growing_closures: "def f(x):\n  def g():\n    return x\n  return g\nx = f(1)\nwhile True:\n  x = f(x)" => OutOfMemory,
    growing_strings_of_numbers: "x = []\nwhile True:\n  x.append(str(len(x)) * 10)" => OutOfMemory,
    a_join: "''.join(['a' * 1000] * 1000000)" => OutOfMemory,
    a_join_with_a_long_separator: "('a' * 10 ** 6).join(['', ''] * 1000)" => OutOfMemory,
    a_replacement: "('a' * 10 ** 6).replace('a', 'b' * 1000)" => OutOfMemory,
    a_replacement_of_nothing: "('a' * 10 ** 6).replace('', 'b' * 1000)" => OutOfMemory,
    a_split_into_letters: "(',' * 10 ** 7).split(',')" => OutOfMemory,
    a_split_at_spaces: "('a ' * 10 ** 7).split()" => OutOfMemory,
    a_split_from_the_right: "(',' * 10 ** 7).rsplit(',')" => OutOfMemory,
    a_split_into_lines: "('\\n' * 10 ** 7).splitlines()" => OutOfMemory,
    expanded_tabs: "('\\t' * 10 ** 5).expandtabs(10 ** 6)" => Raised("MemoryError"),
    a_centred_string: "'a'.center(10 ** 12)" => Raised("MemoryError"),
    a_string_filled_with_zeros: "'1'.zfill(10 ** 12)" => Raised("MemoryError"),
    a_wide_format: "'%1000000000d' % 5" => OutOfMemory,
    a_wide_star: "'%*d' % (10 ** 9, 5)" => OutOfMemory,
    a_wide_field: "'{0:1000000000000}'.format(5)" => Raised("MemoryError"),
    a_nested_wide_field: "'{0:{1}}'.format(5, 10 ** 12)" => Raised("MemoryError"),
    many_wide_formats: "('%1000000d' * 1000) % ((5,) * 1000)" => OutOfMemory,
    many_wide_fields: "('{0:1000000}' * 1000).format(5)" => OutOfMemory,
    a_format_of_one_long_string: "x = 'a' * 10 ** 6\n('%s' * 1000) % ((x,) * 1000)" => OutOfMemory,
    a_repr_of_many_bytes: "repr('\\0' * (12 << 20))" => OutOfMemory,
    upper_case: "x = 'a' * (30 << 20)\ny = x.upper()" => OutOfMemory,
    a_slice_of_a_long_list: "x = [0] * (2 << 20)\ny = x[1:]" => OutOfMemory,
    a_slice_backwards: "x = 'a' * (30 << 20)\ny = x[::-1]" => OutOfMemory,
    a_copy_of_a_dictionary: "x = {}\nfor i in xrange(300000):\n  x[i] = 1\ny = x.copy()\nz = x.copy()\n" => OutOfMemory,
    a_huge_shift: "1 << 10 ** 12" => Raised("MemoryError"),
}

// Integers, and work with them that grows faster than they do, are bounded; what is allowed can be stopped half-way.
ends! {
    a_huge_power: "10 ** 10 ** 9" => OutOfMemory,
    a_tower_of_powers: "3 ** 3 ** 3 ** 3" => Raised("MemoryError"),
    a_long_modular_power: "pow(3, 3 ** 400000, 10 ** 400000)" => Raised("MemoryError"),
    decimal_digits_of_a_huge_number: "str(1 << 9000000)" => Raised("MemoryError"),
    a_number_from_many_digits: "int('9' * 3000000)" => Raised("MemoryError"),
    a_number_from_many_digits_of_a_radix: "int('z' * 3000000, 36)" => Raised("MemoryError"),
    a_product_beyond_the_bound: "(1 << 60000000) * (1 << 60000000)" => Raised("MemoryError"),
    a_long_division: "(1 << 60000000) / ((1 << 30000000) + 1)" => Raised("MemoryError"),
    a_large_product: "x = (1 << 30000000) - 1\ny = x * x" => Told,
    a_large_power: "7 ** 10 ** 7" => Told,
    a_division_of_some_seconds: "x = (1 << 5500000) / ((1 << 2750000) + 1)" => Told,
    a_modular_power_of_some_seconds: "pow(3, (1 << 5000) - 1, (1 << 70000) + 1)" => Told,
    a_power_of_one: "1 ** 10 ** 100" => Finished,
    many_large_products: "x = 3 ** 100000\nwhile True:\n  y = x * x" => Told,
    a_sum_of_large_numbers: "x = 1 << 10000000\nsum([x] * 1000000)" => Told,
    a_product_by_reduce_of_large_numbers: "def times(a, b):\n  return a * b % 10 ** 30000\nreduce(times, [7 ** 30000] * 10 ** 6)" => Told,
    rounding_to_many_digits: "round(5, 10 ** 30)" => Finished,
    a_float_with_many_digits: "'%.100000000f' % 5" => Raised("OverflowError") | OutOfMemory,
}

// Searching and comparing takes time in proportion to the lengths, or can be stopped.
ends! {
    a_search_with_many_near_misses: "x = 'a' * 10 ** 7\nx.find('a' * 10 ** 6 + 'b')" => Finished,
    a_search_from_the_right: "x = 'a' * 10 ** 7\nx.rfind('b' + 'a' * 10 ** 6)" => Finished,
    a_count_with_many_near_misses: "x = ('a' * 10 ** 6 + 'b') * 5\nx.count('a' * 10 ** 5 + 'c')" => Finished,
    in_with_many_near_misses: "x = 'a' * 10 ** 7\n'a' * 10 ** 6 + 'b' in x" => Finished,
    stripping_of_many_kinds: "x = 'a' * 10 ** 7\nx.strip('b' * 10 ** 7 + 'a')" => Finished | OutOfMemory,
    deleting_of_many_kinds: "x = 'a' * 10 ** 7\nx.translate(None, 'b' * 10 ** 7 + 'a')" => Finished | OutOfMemory,
    many_prefixes: "x = 'a' * 10 ** 6\nwhile True:\n  x.startswith(('b',) * 10 ** 5)" => Told,
    an_item_among_long_strings: "x = ['a' * 10 ** 6 + 'b'] * 10 ** 6\n'a' * 10 ** 6 + 'c' in x" => Told,
    sorting_long_strings: "x = []
for i in xrange(20):
  x.append('a' * 10 ** 6 + str(i))
x = x * 3000
x.sort()" => Told,
    sorting_with_a_slow_key: "x = range(10 ** 6)\ndef key(i):\n  return (-i,) * 10\nx.sort(key=key)" => Told | OutOfMemory,
    sorting_with_a_wrong_comparison: "x = range(10 ** 6)\ndef compare(a, b):\n  return 1\nx.sort(compare)" => Told | OutOfMemory,
    sorting_many: "x = range(2 << 20)\nx.reverse()\nx.sort()" => Told | Finished | OutOfMemory,
    numbers_that_meet_in_one_slot: "d = {}\nfor i in xrange(1, 10 ** 6):\n  d[i << 60] = 1" => Told | Finished | OutOfMemory,
}

// Depth: neither the program's calls nor the nesting of its data reach the native stack's end.
ends! {
    endless_recursion: "def f():\n  f()\nf()" => Raised("RuntimeError"),
    endless_recursion_with_stars: "def f(*a, **k):\n  f(*a, **k)\nf(1, b=2)" => Raised("RuntimeError"),
    endless_constructors: "class A:\n  def __init__(self):\n    A()\nA()" => Raised("RuntimeError"),
    endless_texts: "class A:\n  def __repr__(self):\n    return repr(self)\nrepr(A())" => Raised("RuntimeError"),
    endless_texts_in_formats: "class A:\n  def __str__(self):\n    return '%s' % [self, self]\n  def __repr__(self):\n    return '{0}'.format(self)\nstr(A())" => Raised("RuntimeError"),
    endless_iteration: "class A:\n  def __iter__(self):\n    for x in self:\n      pass\nfor x in A():\n  pass" => Raised("RuntimeError"),
    endless_keys_of_sorts: "def key(x):\n  y = [2, 1]\n  y.sort(key=key)\n  return 1\nkey(1)" => Raised("RuntimeError"),
    endless_maps: "def f(x):\n  return map(f, [x])\nf(1)" => Raised("RuntimeError"),
    endless_mutual_maps_and_sorts: "def f(x):\n  y = [x, x]\n  y.sort(key=g)\n  return 1\ndef g(x):\n  return reduce(h, [x, x])\ndef h(x, y):\n  return filter(f, [x])\nf(1)" => Raised("RuntimeError"),
    endless_destructors: "class A:\n  def __del__(self):\n    A()\nA()" => Finished | Told,
    recursion_within_finally: "def f():\n  try:\n    f()\n  finally:\n    f()\nf()" => Told | Raised("RuntimeError"),
    a_deep_list_compared: "a = []\nb = []\nfor i in xrange(100000):\n  a = [a]\n  b = [b]\na == b" => Raised("RuntimeError"),
    a_deep_dictionary_compared: "a = {}\nb = {}\nfor i in xrange(50000):\n  a = {1: a}\n  b = {1: b}\na == b" => Raised("RuntimeError"),
    lists_within_themselves_compared: "a = []\na.append(a)\nb = []\nb.append(b)\na == b" => Raised("RuntimeError"),
    a_deep_list_shown: "a = []\nfor i in xrange(100000):\n  a = [a]\nrepr(a)" => Raised("RuntimeError"),
    a_deep_tuple_hashed: "a = ()\nfor i in xrange(100000):\n  a = (a,)\n{a: 1}" => Raised("RuntimeError"),
    a_deep_tuple_of_exceptions: "a = KeyError\nfor i in xrange(100000):\n  a = (a,)\ntry:\n  {}[1]\nexcept a:\n  pass" => Finished,
    a_deep_tuple_raised: "a = KeyError\nfor i in xrange(100000):\n  a = (a,)\nraise a, 'b'" => Raised("KeyError"),
    a_deep_tuple_of_types: "a = str\nfor i in xrange(100000):\n  a = (a,)\nisinstance(1, a)" => Raised("TypeError") | Raised("RuntimeError"),
    deep_bound_methods: "class A:\n  def m(self):\n    pass\na = A()\nfor i in xrange(100000):\n  b = A()\n  b.a = a.m\n  a = b\na = b = None" => Finished,
    an_exception_that_is_its_own_argument: "e = ValueError(1)\ne.args = (e,)\nstr(e)" => Raised("RuntimeError"),
    an_exception_that_is_its_own_argument_raised: "e = ValueError(1)\ne.args = (e,)\nraise e" => Raised("ValueError"),
    an_error_that_is_its_own_number: "e = IOError(1, 2)\ne.errno = e\nstr(e)" => Raised("RuntimeError"),
    a_key_error_about_itself: "e = KeyError(1)\ne.args = (e,)\nif str(e) != 'KeyError(KeyError(...),)':\n  log(str(e))\n  raise ValueError(str(e))" => Finished,
    a_chain_of_exceptions_as_text: "x = 1\nfor i in xrange(50000):\n  x = ValueError(x)\nstr(x)" => Raised("RuntimeError"),
    a_chain_of_exceptions_raised: "x = 1\nfor i in xrange(50000):\n  x = ValueError(x)\nraise x" => Raised("ValueError"),
    a_chain_of_exceptions_shown: "x = 1\nfor i in xrange(50000):\n  x = ValueError(x)\nrepr(x)" => Raised("RuntimeError"),
    a_list_of_its_own_method_shown: "class A(list):\n  def m(self):\n    pass\na = A()\na.append(a.m)\nif repr(a) != '[<bound method A.m of [...]>]':\n  raise ValueError(repr(a))" => Finished,
    an_exception_about_its_own_method_shown: "class A(Exception):\n  def m(self):\n    pass\na = A()\na.args = (a.m,)\nrepr(a)\nstr(a)\nraise a" => Raised("Exception"),
    a_chain_of_bound_methods_shown: "class A(list):\n  def m(self):\n    pass\nx = 1\nfor i in xrange(5000):\n  x = A([x]).m\nrepr(x)" => Raised("RuntimeError"),
    a_chain_of_methods_of_exceptions_shown: "class A(Exception):\n  def m(self):\n    pass\nx = 1\nfor i in xrange(5000):\n  x = A(x).m\nrepr(x)" => Raised("RuntimeError"),
    a_chain_of_methods_compared: "class A(list):\n  def m(self):\n    pass\nx = y = 1\nfor i in xrange(5000):\n  x = A([x]).m\n  y = A([y]).m\nx == y" => Finished | Raised("RuntimeError"),
    deep_texts_within_deep_texts: "class A:
  def __init__(self, inner):
    self.inner = inner
  def __repr__(self):
    return repr(self.inner)
a = 1
for i in xrange(20):
  for k in xrange(970):
    a = [a]
  a = A(a)
repr(a)" => Raised("RuntimeError"),
    deep_texts_within_deep_formats: "class A:
  def __init__(self, inner):
    self.inner = inner
  def __str__(self):
    return '%s%r' % (self.inner, 1)
  def __repr__(self):
    return '{0!s}'.format(self.inner)
a = 1
for i in xrange(40):
  for k in xrange(100):
    a = (a,)
  a = A(a)
str(a)" => Raised("RuntimeError"),
    deep_comparisons_within_deep_texts: "x = y = 1
for k in xrange(970):
  x = [x]
  y = [y]
class A:
  def __repr__(self):
    return repr(x == y)
a = A()
for k in xrange(960):
  a = [a]
repr(a)" => Raised("RuntimeError"),
    deep_frozensets_compared: "a = frozenset()\nb = frozenset()\nfor i in xrange(30000):\n  a = frozenset([a])\n  b = frozenset([b])\na == b" => Raised("RuntimeError"),
    maps_of_maps: "a = map\nargs = []\nfor i in xrange(600):\n  args.append(a)\n  a = [a]\nmap(*args)" => Raised("RuntimeError"),
    the_deepest_that_is_shown: "a = 1\nfor i in xrange(979):\n  a = [a]\nrepr(a)\nb = 1\nfor i in xrange(979):\n  b = [b]\na == b" => Finished,
    a_deep_list_dropped: "a = []\nfor i in xrange(200000):\n  a = [a]\na = None" => Finished,
    a_deep_tuple_dropped: "a = ()\nfor i in xrange(200000):\n  a = (a,)\na = None" => Finished,
    a_deep_dictionary_dropped: "a = {}\nfor i in xrange(50000):\n  a = {1: a}\na = None" => Finished,
    a_deep_frozenset_dropped: "a = frozenset()\nfor i in xrange(30000):\n  a = frozenset([a])\na = None" => Finished | Raised("RuntimeError"),
    a_deep_slice_dropped: "a = 1\nfor i in xrange(200000):\n  a = slice(a)\na = None" => Finished,
    deep_instances_dropped: "class A(object):\n  pass\na = None\nfor i in xrange(200000):\n  b = A()\n  b.next = a\n  a = b\na = b = None" => Finished,
    deep_instances_with_destructors_dropped: "class A(object):\n  def __del__(self):\n    pass\na = None\nfor i in xrange(20000):\n  b = A()\n  b.next = a\n  a = b\na = b = None" => Finished | Told,
    deep_closures_dropped: "def f(x):\n  def g():\n    return x\n  return g\na = f(1)\nfor i in xrange(50000):\n  a = f(a)\na = None" => Finished,
    deep_iterators_dropped: "class A:\n  pass\na = []\nfor i in xrange(50000):\n  b = A()\n  b.i = [a]\n  a = {1: b}.itervalues()\na = b = None" => Finished,
    deep_exceptions_dropped: "a = None\nfor i in xrange(50000):\n  a = ValueError(a)\na = None" => Finished,
    deep_classes_dropped: "a = None\nfor i in xrange(20000):\n  class A:\n    before = a\n  a = A\na = A = None" => Finished | Told,
    deep_default_arguments_dropped: "a = None\nfor i in xrange(50000):\n  def f(x=a):\n    pass\n  a = f\na = f = None" => Finished,
}

// Many of them at a time.
ends! {
    many_destructors_at_a_time: "class A(object):
  def __del__(self):
    count.append(1)
count = []
a = [A() for i in xrange(60000)]
a = None
if len(count) != 60000:
  raise ValueError(len(count))" => Finished,
}

#[test]
fn the_memory_limit_is_exact() {
    // One string that just fits, and one that just does not: the count knows each byte.
    for (bytes, fits) in [(MEMORY_LIMIT - (1 << 20), true), (MEMORY_LIMIT, false)] {
        let end = end_of(&format!("x = 'a' * {bytes}"), PATIENCE);
        assert_eq!(
            end,
            if fits { Finished } else { OutOfMemory },
            "{bytes} bytes"
        );
    }
    // Given back, it can be taken again, any number of times.
    let again = format!(
        "for i in xrange(50):\n  x = 'a' * {}\n  x = None",
        MEMORY_LIMIT / 2 + 1
    );
    assert_eq!(end_of(&again, PATIENCE), Finished);
    // Small objects count as well as large ones.
    let pieces =
        |count: usize| format!("x = []\nfor i in xrange({count}):\n  x.append('%020d' % i)");
    assert_eq!(end_of(&pieces(MEMORY_LIMIT / 200), PATIENCE), Finished);
    assert_eq!(end_of(&pieces(MEMORY_LIMIT / 60), PATIENCE), OutOfMemory);
}

#[test]
fn the_pulse_beats_within_one_long_operation() {
    let program = Program::new(b"sum(xrange(10 ** 12))", "long").expect("a program");
    let mut machine = Machine::new(Limits { memory: None });
    let stop = machine.stop_flag();
    let beats = std::cell::Cell::new(0);
    machine.set_pulse(move || {
        beats.set(beats.get() + 1);
        if beats.get() == 10 {
            stop.store(true, Ordering::Relaxed);
        }
    });
    let globals = machine.new_globals();
    let main = machine.load(&program, &globals).expect("compiles");
    let mut thread = machine.thread(main, Vec::new());
    let end = machine.run_slice(&mut thread, u64::MAX);
    assert!(matches!(end, SliceEnd::Stopped(Stop::Interrupted)));
}
