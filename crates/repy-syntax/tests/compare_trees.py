"""What CPython 2.7 and its `compiler` package say about the files named, one line each, for `compare_trees.rs`:

    VERDICT COMPILES TREE

VERDICT is that of the safety check (accepted, unsafe, syntax), COMPILES whether CPython compiles the file (yes, no; ? if
not tried; - if the check refused it), TREE the tree as `examples/tree.rs` prints it (- if there is none). Run by CPython 2.7.
A statement put before the file keeps its docstring in the body (and with it what follows on the same line).
"""

import compiler
import struct
import sys
import warnings

warnings.simplefilter('ignore')
sys.setrecursionlimit(5000)

HEADER = '# coding: utf-8\n\npass\n'
AUGMENTED = {'+=': 'Add', '-=': 'Sub', '*=': 'Mul', '/=': 'Div', '%=': 'Mod', '&=': 'Bitand', '|=': 'Bitor',
             '^=': 'Bitxor', '<<=': 'LeftShift', '>>=': 'RightShift', '**=': 'Power', '//=': 'FloorDiv'}


def line(node):
    return ' %d' % (node.lineno - 3)


def maybe(node):
    return ' -' if node is None else show(node)


def shown(nodes):
    return ''.join([show(node) for node in nodes])


def constant(value):
    kind = type(value)
    if kind is str:
        return '(Bytes %s)' % value.encode('hex')
    if kind is unicode:
        return ' (Unicode)'
    if kind is int:
        return '(Int %d)' % value
    if kind is long:
        return '(Long %d)' % value
    if kind is float:
        return '(Float %x)' % struct.unpack('>Q', struct.pack('>d', value))
    if kind is complex:
        return '(Imaginary %x)' % struct.unpack('>Q', struct.pack('>d', value.imag))
    raise ValueError(value)


def is_nothing(node):
    return node is None or node.__class__.__name__ == 'Const' and node.value is None


def body(stmts, doc=None):
    text = '(Stmt'
    if doc is not None:
        text += '(Discard%s)' % constant(doc)
    for node in stmts.nodes:
        if node.__class__.__name__ == 'Discard' and is_nothing(node.expr):
            continue
        # A comma after a lone target of del makes no difference, and our tree does not have it.
        while node.__class__.__name__ == 'AssTuple' and len(node.nodes) == 1:
            node = node.nodes[0]
        text += show(node)
    return text + ')'


def params(node):
    def one(name):
        return '(' + ''.join(map(one, name)) + ')' if isinstance(name, tuple) else ' ' + name
    return '(Params%s) %d(Defaults%s)' % (''.join(map(one, node.argnames)), node.flags, shown(node.defaults))


def imported(names):
    return ''.join([' %s %s' % (name, alias or '-') for name, alias in names])


def comprehension(expr, fors):
    text = show(expr)
    for part in fors:
        source = part.list if hasattr(part, 'list') else part.iter
        text += '(For%s%s%s)' % (show(part.assign), show(source), shown([cond.test for cond in part.ifs]))
    return text


def show(node):
    name = node.__class__.__name__
    special = SPECIAL.get(name)
    if special is not None:
        return special(node)
    if name in ('Add', 'Sub', 'Mul', 'Div', 'Mod', 'FloorDiv', 'LeftShift', 'RightShift', 'Power'):
        return '(%s%s%s)' % (name, show(node.left), show(node.right))
    if name in ('Bitor', 'Bitxor', 'Bitand', 'And', 'Or', 'Tuple', 'List', 'AssTuple', 'AssList', 'Set', 'Decorators'):
        return '(%s%s)' % (name, shown(node.nodes))
    if name in ('UnarySub', 'UnaryAdd', 'Invert', 'Not', 'Discard', 'Backquote'):
        inner = show(node.expr)
        if name == 'UnarySub' and inner == '(Int 0)':
            return inner
        return '(%s%s)' % (name, inner)
    raise ValueError(name)


SPECIAL = {
    'Module': lambda n: '(Module%s)' % body(compiler.ast.Stmt(n.node.nodes[1:]), n.doc),
    'Stmt': body,
    'Const': lambda n: constant(n.value),
    'Name': lambda n: '(Name %s%s)' % (n.name, line(n)),
    'AssName': lambda n: '(AssName %s%s %s)' % (n.name, line(n), n.flags),
    'AssAttr': lambda n: '(AssAttr%s %s %s)' % (show(n.expr), n.attrname, n.flags),
    'Getattr': lambda n: '(Getattr%s %s)' % (show(n.expr), n.attrname),
    'Assign': lambda n: '(Assign%s%s)' % (shown(n.nodes), show(n.expr)),
    'AugAssign': lambda n: '(AugAssign%s %s%s)' % (show(n.node), AUGMENTED[n.op], show(n.expr)),
    'Pass': lambda n: '(Pass%s)' % line(n),
    'Break': lambda n: '(Break%s)' % line(n),
    'Continue': lambda n: '(Continue%s)' % line(n),
    'Return': lambda n: '(Return%s%s)' % (line(n), ' -' if is_nothing(n.value) else show(n.value)),
    'Yield': lambda n: '(Yield%s)' % (' -' if is_nothing(n.value) else show(n.value)),
    'Raise': lambda n: '(Raise%s%s%s%s)' % (line(n), maybe(n.expr1), maybe(n.expr2), maybe(n.expr3)),
    'Assert': lambda n: '(Assert%s%s%s)' % (line(n), show(n.test), maybe(n.fail)),
    'If': lambda n: '(If%s%s%s)' % (
        line(n), ''.join([show(test) + show(stmts) for test, stmts in n.tests]), maybe(n.else_)),
    'While': lambda n: '(While%s%s%s%s)' % (line(n), show(n.test), show(n.body), maybe(n.else_)),
    'For': lambda n: '(For%s%s%s%s%s)' % (line(n), show(n.assign), show(n.list), show(n.body), maybe(n.else_)),
    'TryFinally': lambda n: '(TryFinally%s%s)' % (show(n.body), show(n.final)),
    'TryExcept': lambda n: '(TryExcept%s%s%s)' % (
        show(n.body), ''.join([maybe(a) + maybe(b) + show(c) for a, b, c in n.handlers]), maybe(n.else_)),
    'Function': lambda n: '(Function%s %s%s%s)' % (maybe(n.decorators), n.name, params(n), body(n.code, n.doc)),
    'Lambda': lambda n: '(Lambda%s%s)' % (params(n), show(n.code)),
    'Class': lambda n: '(Class%s %s(Bases%s)%s)' % (
        maybe(n.decorators), n.name, shown(n.bases), body(n.code, n.doc)),
    'Print': lambda n: '(Print%s%s)' % (maybe(n.dest), shown(n.nodes)),
    'Printnl': lambda n: '(Printnl%s%s)' % (maybe(n.dest), shown(n.nodes)),
    'Exec': lambda n: '(Exec%s%s%s)' % (show(n.expr), maybe(n.locals), maybe(n.globals)),
    'Import': lambda n: '(Import%s)' % imported(n.names),
    'From': lambda n: '(From %s%s%s)' % ('.' * n.level, n.modname, imported(n.names)),
    'Global': lambda n: '(Global%s)' % ''.join([' ' + name for name in n.names]),
    'With': lambda n: '(With%s%s%s)' % (show(n.expr), maybe(n.vars), show(n.body)),
    'Compare': lambda n: '(Compare%s%s)' % (
        show(n.expr), ''.join([' %s%s' % (op, show(right)) for op, right in n.ops])),
    'CallFunc': lambda n: '(CallFunc%s%s%s%s)' % (
        show(n.node), shown(n.args), maybe(n.star_args), maybe(n.dstar_args)),
    'Keyword': lambda n: '(Keyword %s%s%s)' % (n.name, line(n), show(n.expr)),
    'Slice': lambda n: '(Slice %s%s%s%s)' % (n.flags, show(n.expr), maybe(n.lower), maybe(n.upper)),
    'Subscript': lambda n: '(Subscript %s%s%s)' % (n.flags, show(n.expr), subscripts(n.subs)),
    'Sliceobj': lambda n: '(Sliceobj%s)' % sliceobj(n.nodes),
    'Ellipsis': lambda n: ' (Ellipsis)',
    'Dict': lambda n: '(Dict%s)' % ''.join([show(key) + show(value) for key, value in n.items]),
    'IfExp': lambda n: '(IfExp%s%s%s)' % (show(n.test), show(n.then), show(n.else_)),
    'ListComp': lambda n: '(ListComp%s)' % comprehension(n.expr, n.quals),
    'SetComp': lambda n: '(SetComp%s)' % comprehension(n.expr, n.quals),
    'DictComp': lambda n: '(DictComp%s%s)' % (show(n.value), comprehension(n.key, n.quals)),
    'GenExpr': lambda n: '(GenExpr%s)' % comprehension(n.code.expr, n.code.quals),
}


def subscripts(subs):
    if len(subs) == 1 and subs[0].__class__.__name__ == 'Tuple':
        subs = subs[0].nodes
    return shown(subs)


def sliceobj(nodes):
    parts = [' -' if is_nothing(node) else show(node) for node in nodes]
    # A step that is written but empty cannot be told from None in our tree.
    if len(parts) == 3 and parts[2] == ' -':
        parts.pop()
    return ''.join(parts)


REFUSED = set('Backquote Decorators Exec From Import Global Lambda Yield With IfExp GenExpr GenExprFor GenExprIf '
              'GenExprInner Set SetComp DictComp Print Printnl'.split())
SPECIAL_NAMES = set(['__init__', '__del__', '__iter__', '__repr__', '__str__'])


def name_is_safe(name):
    if name in SPECIAL_NAMES:
        return True
    prefixed = [name for prefix in ('im_', 'func_', 'tb_', 'f_', 'co_') if name.startswith(prefix)]
    return not prefixed and '__' not in name and name not in ('encode', 'decode')


def node_is_safe(node):
    kind = node.__class__.__name__
    if kind in REFUSED:
        return False
    for attribute, value in vars(node).items():
        if isinstance(value, unicode):
            return False
        exempt = attribute == 'value' or attribute == 'doc' and kind in ('Module', 'Function', 'Class')
        if isinstance(value, str) and not exempt and not name_is_safe(value):
            return False
    return not [child for child in node.getChildNodes() if not node_is_safe(child)]


def compiles(code):
    # The compiler computes constants, and some powers and shifts take for ever.
    if '**' in code or '<<' in code:
        return '?'
    try:
        compile(code, 'program', 'exec')
        return 'yes'
    except (SyntaxError, ValueError):
        return 'no'


def judge(code):
    try:
        code.decode('utf-8')
        tree = compiler.parse(HEADER + code)
    except UnicodeEncodeError:
        return 'unsafe - -'
    except UnicodeDecodeError as error:
        # The source itself, or joining a unicode literal with bytes.
        return 'unsafe - -' if error.encoding == 'ascii' else 'syntax - -'
    except (SyntaxError, ValueError, TypeError):
        return 'syntax - -'
    except (MemoryError, RuntimeError):
        return 'deep - -'
    except IndexError:
        # A bug of the package: a lambda with parameters as the condition of a comprehension.
        return 'unsafe - -'
    if not node_is_safe(tree):
        return 'unsafe - ' + show(tree)
    return 'accepted %s %s' % (compiles(HEADER + code), show(tree))


for path in sys.argv[1:]:
    with open(path, 'rb') as handle:
        print judge(handle.read().replace('\r\n', '\n'))
