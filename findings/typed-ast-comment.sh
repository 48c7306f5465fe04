#!/usr/bin/env bash
# typed_ast 1.5.5 (PyPI), whose ast27 is CPython 2.7's own parser for Python 3. It has wheels up to CPython 3.11.
#
# Guess: comments never decide whether a program can be read. CPython 2.7 compiles each of the programs below.
# Seen: a comment that begins with "type:" is read as an annotation, and where none may stand the program is a syntax error.
# "# type: wan", a kind of vessel, does it after an argument, after an item, or on a line of its own between two statements.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python=$(command -v python3.11 || command -v python3)
"$python" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: typed_ast==1.5.5

cat > "$folder/seen.py" <<'PYTHON'
from typed_ast import ast27

for program in ("acquire(\n  10,  # kind: wan\n)\n", "acquire(\n  10,  # type: wan\n)\n", "x = [1,  # type: wan\n  2]\n",
                "a = 1\n# type: wan\nb = 2\n", "a = 1  # type: wan\n"):
    try:
        ast27.parse(program)
        print("%-36r read" % program)
    except SyntaxError as error:
        print("%-36r %s" % (program, error.msg))
PYTHON
"$folder/venv/bin/python" "$folder/seen.py" | tee "$folder/seen"

diff - "$folder/seen" <<'EXPECTED' && echo "as found"
'acquire(\n  10,  # kind: wan\n)\n'  read
'acquire(\n  10,  # type: wan\n)\n'  misplaced type annotation
'x = [1,  # type: wan\n  2]\n'       misplaced type annotation
'a = 1\n# type: wan\nb = 2\n'        misplaced type annotation
'a = 1  # type: wan\n'               read
EXPECTED
