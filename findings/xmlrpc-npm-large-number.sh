#!/usr/bin/env bash
# xmlrpc 1.3.2 (npm).
#
# Guess: a JavaScript number arrives as the number that it was; XML-RPC has <double> for those that are no 32-bit integers.
# Seen: every number without a fraction goes out as <int>, however large, and from 1e21 on JavaScript writes those with an
# exponent: <int>1e+21</int>. The library's own reader takes that, stops at the "e", and gives 1. A number with a fraction,
# such as 1.5e-7, is a double and arrives whole.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" xmlrpc@1.3.2 > /dev/null

cat > seen.js <<'JAVASCRIPT'
const serializer = require('xmlrpc/lib/serializer')
const Deserializer = require('xmlrpc/lib/deserializer')
const { Readable } = require('stream')

async function round (value) {
  const document = serializer.serializeMethodResponse(value)
  const written = document.match(/<value>(.*)<\/value>/)[1]
  const read = await new Promise((resolve) =>
    new Deserializer('utf-8').deserializeMethodResponse(Readable.from([document]), (error, got) => resolve(error || got)))
  console.log(`${value} is written as ${written} and read as ${read}`)
}

(async () => { for (const value of [63100, 2 ** 40, 1.5e-7, 1e20, 1e21, 2.5e22]) await round(value) })()
JAVASCRIPT
node seen.js | tee seen

diff - seen <<'EXPECTED' && echo "as found"
63100 is written as <int>63100</int> and read as 63100
1099511627776 is written as <int>1099511627776</int> and read as 1099511627776
1.5e-7 is written as <double>1.5e-7</double> and read as 1.5e-7
100000000000000000000 is written as <int>100000000000000000000</int> and read as 100000000000000000000
1e+21 is written as <int>1e+21</int> and read as 1
2.5e+22 is written as <int>2.5e+22</int> and read as 2
EXPECTED
