#!/usr/bin/env bash
# humantime 2.4.0 and jiff 0.2.15 (crates.io).
#
# Guess: a duration that one writes in words and the other reads is the same duration; both read "30m" and "1h 30m" alike.
# Seen: humantime knows no unit of a week or of 30 days, but one of 30.44 days, so 31 days are "1month 13h 26m 24s". jiff
# reads that without complaint as a month of the calendar: 28 days and 13 hours from the first of February.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'MANIFEST'
[package]
name = "seen"
version = "0.1.0"
edition = "2021"
[dependencies]
humantime = "=2.4.0"
jiff = "=0.2.15"
MANIFEST
cat > "$folder/src/main.rs" <<'RUST'
use std::time::Duration;

fn main() {
    let from: jiff::civil::Date = "2026-02-01".parse().unwrap();
    for days in [7, 30, 31] {
        let written = humantime::format_duration(Duration::from_secs(days * 86_400)).to_string();
        let again = humantime::parse_duration(&written).unwrap().as_secs();
        let span: jiff::Span = written.parse().unwrap();
        let read = span.to_duration(from).unwrap().as_secs();
        println!("{days} days are written as {written:?}; humantime reads {again} s, jiff {read} s");
    }
}
RUST
(cd "$folder" && CARGO_TARGET_DIR="$folder/target" cargo run -q) | tee "$folder/seen"

diff - "$folder/seen" <<'EXPECTED' && echo "as found"
7 days are written as "7days"; humantime reads 604800 s, jiff 604800 s
30 days are written as "30days"; humantime reads 2592000 s, jiff 2592000 s
31 days are written as "1month 13h 26m 24s"; humantime reads 2678400 s, jiff 2467584 s
EXPECTED
