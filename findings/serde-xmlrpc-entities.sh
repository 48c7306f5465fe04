#!/usr/bin/env bash
# serde_xmlrpc 0.2.1 (crates.io).
#
# Guess: what a library of XML-RPC writes it reads again.
# Seen: its writer escapes `<`, `>` and `&`, as XML wants; its reader leaves escapes as they stand. So `a < b` arrives as
# `a &lt; b`, and each further round adds a layer. References by number and CDATA, which other clients send, stay as text too.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'MANIFEST'
[package]
name = "seen"
version = "0.1.0"
edition = "2021"
[dependencies]
serde_xmlrpc = "=0.2.1"
MANIFEST
cat > "$folder/src/main.rs" <<'RUST'
fn main() {
    let mut text = "a < b".to_owned();
    for _ in 0..2 {
        let document = serde_xmlrpc::response_to_string([text.clone().into()].into_iter()).unwrap();
        let inner = document.split("<string>").nth(1).unwrap().split("</string>").next().unwrap();
        let read: String = serde_xmlrpc::response_from_str(&document).unwrap();
        println!("{text:?} is written as {inner:?} and read as {read:?}");
        text = read;
    }
    for inner in ["a&#32;b", "<![CDATA[a b]]>"] {
        let document = format!("<?xml version=\"1.0\"?><methodResponse><params><param><value><string>{inner}</string></value></param></params></methodResponse>");
        let read: String = serde_xmlrpc::response_from_str(&document).unwrap();
        println!("{inner:?} is read as {read:?}");
    }
}
RUST
(cd "$folder" && CARGO_TARGET_DIR="$folder/target" cargo run -q) | tee "$folder/seen"

diff - "$folder/seen" <<'EXPECTED' && echo "as found"
"a < b" is written as "a &lt; b" and read as "a &lt; b"
"a &lt; b" is written as "a &amp;lt; b" and read as "a &amp;lt; b"
"a&#32;b" is read as "a&#32;b"
"<![CDATA[a b]]>" is read as "<![CDATA[a b]]>"
EXPECTED
