#!/usr/bin/env bash
# aiohttp-xmlrpc 1.5.0 (PyPI), with lxml 6.0.2.
#
# Guess: a string of XML-RPC arrives as it was sent. The specification gives <string> no rule about blanks, and an API key
# that a Seattle clearinghouse encrypts, " 123 456", begins with one.
# Seen: blanks, tabs and newlines at both ends are gone; a string of blanks is empty; text after a comment is gone too.
# The library's own writer keeps them, so a value does not survive a round through the same library.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check aiohttp-xmlrpc==1.5.0 lxml==6.0.2

cat > "$folder/seen.py" <<'PYTHON'
from aiohttp_xmlrpc.common import py2xml, xml2py
from lxml import etree

def read(inner):
    return xml2py(etree.fromstring("<value>%s</value>" % inner))

for text in (" 123 456", "line\n", "  ", "inner  blanks"):
    written = etree.tostring(py2xml(text)).decode()
    print("%r is written as %s and read as %r" % (text, written.replace("\n", "\\n"), read(written)))
print("with a comment inside: %r" % read("<string>v1<!-- x -->v2</string>"))
PYTHON
"$folder/venv/bin/python" "$folder/seen.py" | tee "$folder/seen"

diff - "$folder/seen" <<'EXPECTED' && echo "as found"
' 123 456' is written as <string> 123 456</string> and read as '123 456'
'line\n' is written as <string>line\n</string> and read as 'line'
'  ' is written as <string>  </string> and read as ''
'inner  blanks' is written as <string>inner  blanks</string> and read as 'inner  blanks'
with a comment inside: 'v1'
EXPECTED
