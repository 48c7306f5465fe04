//! createvirtualnamespace, evaluate, SafeDict.

use crate::sandbox::Ending;
use crate::sandbox::testing::Trial;

#[test]
fn code_runs_in_the_context_it_is_given_and_the_context_comes_back() {
    Trial::new(
        "inner = createvirtualnamespace('y = x + 1\\ndef f():\\n  return y * 2\\n', 'inner')
given = {'x': 1}
context = inner.evaluate(given)
log(context['y'], context['f'](), given, type(context), '\\n')
context['x'] = 10
same = inner.evaluate(context)
log(same is context, context['y'], '\\n')
other = inner.evaluate(SafeDict({'x': 100}))
log(other['f'](), context['f'](), '\\n')
",
    )
    .logs("2 4 {'x': 1} <class 'safe.SafeDict'> \nTrue 11 \n202 22 \n");
}

#[test]
fn code_has_no_more_than_its_context() {
    Trial::new(
        "inner = createvirtualnamespace('log(1)', 'inner')
try:
  inner.evaluate({})
except NameError, e:
  log(str(e), '\\n')
def fake(*args):
  log('fake', args, '\\n')
inner.evaluate({'log': fake})
",
    )
    .logs("name 'log' is not defined \nfake (1,) \n");
}

#[test]
fn unsafe_code_is_refused_with_the_reason() {
    Trial::new(
        "for code in ['import os', 'x = = 1', 'x.__class__', '\\xff', 'print 1']:
  try:
    createvirtualnamespace(code, 'name')
    log('accepted', code, '\\n')
  except CodeUnsafeError, e:
    log(str(e).startswith('Code failed safety check! Error: '))
  except RepyException, e:
    log(e)
",
    )
    .logs("True True True True True");
}

#[test]
fn what_only_the_compiler_refuses_is_a_syntax_error_of_the_code() {
    Trial::new(
        "for code in ['break', 'x = 1\\nreturn x', 'None = 1', 'def f(a, a): pass', 'f(a=1, a=2)']:
  try:
    createvirtualnamespace(code, 'inner')
    log('accepted', code, '\\n')
  except SyntaxError, e:
    log(e, e.filename, e.lineno, '\\n')
",
    )
    .logs(
        "'break' outside loop (inner, line 1) inner 1 \n\
         'return' outside function (inner, line 2) inner 2 \n\
         cannot assign to None (inner, line 1) inner 1 \n\
         duplicate argument 'a' in function definition (inner, line 1) inner 1 \n\
         keyword argument repeated (inner, line 1) inner 1 \n",
    );
}

#[test]
fn unsafe_contexts_are_refused() {
    Trial::new(
        "inner = createvirtualnamespace('pass', 'inner')
for context in [{'__import__': 1}, {'im_x': 1}, {'encode': 1}, {1: 2}, {None: 1}]:
  try:
    inner.evaluate(context)
    log('accepted', context, '\\n')
  except ContextUnsafeError, e:
    log(e, '\\n')
",
    )
    .logs(
        "Provided context is not safe! Exception: Unsafe key: '__import__' \n\
Provided context is not safe! Exception: Unsafe key: 'im_x' \n\
Provided context is not safe! Exception: Unsafe key: 'encode' \n\
Provided context is not safe! Exception: 'SafeDict' keys must be of string type! \n\
Provided context is not safe! Exception: 'SafeDict' keys must be of string type! \n",
    );
}

#[test]
fn exceptions_of_the_code_go_to_the_program_that_evaluates_it() {
    let outcome = Trial::new(
        "inner = createvirtualnamespace('x = 1\\nraise KeyError(x)\\n', 'inner')
context = SafeDict()
try:
  inner.evaluate(context)
except KeyError, e:
  log(e, context['x'], '\\n')
inner.evaluate({})
",
    )
    .run();
    assert_eq!(outcome.ending, Ending::Uncaught);
    assert!(outcome.log.starts_with("1 1 \n"), "{}", outcome.log);
    assert!(
        outcome
            .log
            .contains("\"program.r2py\", line 7, in <module>\n  \"inner\", line 2, in <module>"),
        "{}",
        outcome.log
    );
}

#[test]
fn evaluated_code_may_wait_and_make_threads_and_nest_deeply() {
    Trial::new(
        "code = '''
def later():
  sleep(1)
  log('later', depth, '\\\\n')
if depth < 200:
  createvirtualnamespace(code, 'level').evaluate({'depth': depth + 1, 'code': code, 'log': log, 'sleep': sleep, 'createthread': createthread, 'createvirtualnamespace': createvirtualnamespace})
else:
  sleep(2)
  createthread(later)
'''
context = createvirtualnamespace(code, 'level').evaluate({'depth': 0, 'code': code, 'log': log, 'sleep': sleep, 'createthread': createthread, 'createvirtualnamespace': createvirtualnamespace})
log(context['depth'], getruntime(), '\\n')
",
    )
    .logs("0 2.0 \nlater 200 \n");
}

#[test]
fn a_safedict_takes_safe_names_only() {
    Trial::new(
        "d = SafeDict({'a': 1})
for key in ['__x', 'encode', 'func_a', 5, None, ('a',)]:
  for kind in ['get', 'set', 'del', 'in']:
    try:
      if kind == 'get':
        d[key]
      elif kind == 'set':
        d[key] = 1
      elif kind == 'del':
        del d[key]
      else:
        key in d
      log('accepted', key, kind, '\\n')
    except (ValueError, TypeError), e:
      pass
try:
  d.a = 5
except TypeError, e:
  log(e, '\\n')
try:
  d['none']
except KeyError, e:
  log(e, '\\n')
d['b'] = 2
d.update({'c': 3})
log(len(d), d.get('a'), d.get('z'), d.get('z', 9), d.setdefault('e', 7), d.pop('e'), 'b' in d, 'z' in d, '\\n')
keys = d.keys()
keys.sort()
values = d.values()
values.sort()
items = d.items()
items.sort()
log(keys, values, items, '\\n')
total = 0
for key in d:
  total = total + d[key]
log(total, '\\n')
",
    )
    .logs(
        "'SafeDict' attributes are read-only! \n'none' \n3 1 None 9 7 7 True False \n\
['a', 'b', 'c'] [1, 2, 3] [('a', 1), ('b', 2), ('c', 3)] \n6 \n",
    );
}

#[test]
fn a_safedict_that_holds_itself_is_shown_and_copied() {
    Trial::new(
        "d = SafeDict({'a': 1})
log(d, repr(d), '\\n')
d['self'] = d
log(d, '\\n')
copy = d.copy()
log(len(copy), copy['a'], type(copy), copy is d, '\\n')
copy['a'] = 5
log(d['a'], '\\n')
empty = SafeDict('nothing')
log(len(empty), '\\n')
child = _context.copy()
child['log'] = 5
log(len(child) == len(_context) - 1, child is _context, '\\n')
",
    )
    .logs(
        "{'a': 1} {'a': 1} \n{'a': 1, 'self': {...}} \n2 1 <class 'safe.SafeDict'> False \n1 \n0 \nTrue False \n",
    );
}

#[test]
fn the_copy_of_a_context_leads_to_itself_and_not_back() {
    Trial::new(
        "secret = 1
child = _context.copy()
log(child['_context'] is child, child['_context'] is _context, '\\n')
child['own'] = 2
code = \"_context['made'] = 3\\nlog(_context['own'], made, '\\\\n')\"
log(createvirtualnamespace(code, 'child').evaluate(child) is child, '\\n')
log('made' in child, 'made' in _context, 'own' in _context, '\\n')
holder = SafeDict({'other': child})
log(holder.copy()['other'] is child)
",
    )
    .logs("True False \n2 3 \nTrue \nTrue False False \nTrue");
}

#[test]
fn a_safedict_is_compared_by_what_it_holds() {
    Trial::new(
        "s = SafeDict({'a': 1})
log(s == {'a': 1}, {'a': 1} == s, s == SafeDict({'a': 1}), s != {'a': 1}, s == {'a': 2}, '\\n')
log(cmp(s, {'a': 2}), cmp({'a': 2}, s), s < {'a': 2}, s == None, cmp(s, None), s == 5, '\\n')
log(s in [{'a': 1}], [{'a': 1}].index(s), [s] == [{'a': 1}], SafeDict() == {}, '\\n')
s['me'] = s
t = SafeDict({'a': 1})
t['me'] = t
log(s == s, cmp(s, s), s == SafeDict(s), '\\n')
try:
  s == t
except RuntimeError:
  log('no end')
",
    )
    .logs(
        "True True True False False \n-1 1 True False 1 False \nTrue 0 True True \nTrue 0 True \nno end",
    );
}

#[test]
fn a_dictionary_is_copied_deeply_before_code_gets_it_and_a_safedict_is_not() {
    Trial::new(
        r#"inner = createvirtualnamespace('''
out.append(1)
pair[0].append(2)
table['inner']['x'] = 3
names.add('b')
frozen_in[0].append(4)
log(out is pair[0], '\\n')
''', 'inner')
l = []
given = {'out': l, 'pair': (l, 1), 'table': {'inner': {}}, 'names': set(['a']), 'frozen_in': [[]], 'log': log}
context = inner.evaluate(given)
log(l, given['table'], given['names'], given['frozen_in'], '\n')
log(context['out'], context['pair'], context['table'], context['frozen_in'], '\n')
safe = SafeDict(given)
log(inner.evaluate(safe) is safe, l, given['table'], len(given['names']), '\n')
"#,
    )
    .logs(
        "True \n[] {'inner': {}} set(['a']) [[]] \n[1, 2] ([1, 2], 1) {'inner': {'x': 3}} [[4]] \n\
         True \nTrue [1, 2] {'inner': {'x': 3}} 2 \n",
    );
}

#[test]
fn circles_instances_and_functions_pass_into_code_as_they_are() {
    Trial::new(
        r"class A: pass
class N(object): pass
def f(): return 5
a = A()
n = N()
lock = createlock()
l = [a]
l.append(l)
t = (l, [])
t[1].append(t)
given = {'a': a, 'n': n, 'f': f, 'A': A, 'lock': lock, 'l': l, 't': t}
given['given'] = given
context = createvirtualnamespace('pass', 'inner').evaluate(given)
log(context['a'] is a, context['n'] is n, context['f'] is f, context['A'] is A, context['lock'] is lock, '\n')
c = context['l']
log(c is l, c[0] is a, c[1] is c, context['t'][0] is c, context['t'][1][0] is context['t'], '\n')
log(context['given'] is given, context['given']['l'] is c, context['given']['given'] is context['given'], '\n')
deep = []
for i in range(5000):
  deep = [deep]
try:
  createvirtualnamespace('pass', 'inner').evaluate({'deep': deep})
except RuntimeError, e:
  log('too deep')
",
    )
    .logs("True True True True True \nFalse True True True True \nFalse True True \ntoo deep");
}
