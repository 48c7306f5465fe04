#!/usr/bin/env bash
# parso 0.7.1 (PyPI), the last with grammars of Python 2.
#
# Guess: with its grammar of Python 2.7, a program that CPython 2.7 compiles has no errors; it reads backquotes, `exec`,
# `print >>f`, long integers and tuples among parameters as it should.
# Seen: deleting two names at once is "can't use starred expression here", though there is no star; `<>`, which 2.7 reads
# as `!=`, is refused; and a line indented by eight blanks after one indented by a tab is an unexpected indent, though a tab
# stops at the eighth column in 2.7. With brackets, `del (a, b)`, the first is fine.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check parso==0.7.1

cat > "$folder/seen.py" <<'PYTHON'
import parso

grammar = parso.load_grammar(version="2.7")
for program in ("x = `y` + 0777L\n", "print >>f, x,\n", "def f((a, b), c): pass\n", "del (a, b)\n",
                "del a, b\n", "a <> b\n", "if x:\n\ty\n        z\n"):
    errors = [error.message for error in grammar.iter_errors(grammar.parse(program))]
    print("%-32r %s" % (program, errors or "fine"))
PYTHON
"$folder/venv/bin/python" "$folder/seen.py" | tee "$folder/seen"

diff - "$folder/seen" <<'EXPECTED' && echo "as found"
'x = `y` + 0777L\n'              fine
'print >>f, x,\n'                fine
'def f((a, b), c): pass\n'       fine
'del (a, b)\n'                   fine
'del a, b\n'                     ["SyntaxError: can't use starred expression here"]
'a <> b\n'                       ['SyntaxError: invalid syntax']
'if x:\n\ty\n        z\n'        ['IndentationError: unexpected indent']
EXPECTED
