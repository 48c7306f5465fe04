//! Where the original ends a program with "Internal Error" through a defect of its own, and ours goes on
//! (`docs/repy.md` has the list).

use crate::sandbox::testing::Trial;

#[test]
fn an_exception_out_of_a_programs_str_reaches_the_one_who_logs() {
    Trial::new(
        "class A:
  def __str__(self): raise KeyError('mine')
try:
  log(A())
except KeyError, e:
  log('caught', e, '\\n')
",
    )
    .logs("caught 'mine' \n");
}

#[test]
fn what_cannot_be_a_threads_function_is_a_wrong_argument() {
    Trial::new(
        "for wrong in (5, len, 'x', None):
  try:
    createthread(wrong)
  except RepyArgumentError, e:
    log(e, '\\n')
",
    )
    .logs(
        "Invalid type <type 'int'> \nInvalid type <type 'builtin_function_or_method'> \n\
         Invalid type <type 'str'> \nInvalid type <type 'NoneType'> \n",
    );
}

#[test]
fn reduce_reduces() {
    Trial::new("def add(a, b): return a + b\nlog(reduce(add, [1, 2, 3]))").logs("6");
}

#[test]
fn objects_and_classes_of_the_program_pass_into_a_virtual_namespace() {
    Trial::new(
        "class N(object): pass
n = N()
context = createvirtualnamespace('y = x', 'inner').evaluate({'x': n, 'N': N, 'len': len})
log(context['y'] is n, context['N'] is N, context['len'] is len)
",
    )
    .logs("True True True");
}
