//! What becomes one token and what does not, where CPython 2.7 differs from what one would guess.

use super::*;

fn kinds(text: &str) -> Vec<(Kind, String)> {
    let text = format!("{text}\n");
    let mut lexer = Lexer::new(text.as_bytes());
    let mut found = Vec::new();
    loop {
        let token = lexer.next().expect("tokens");
        if token.kind == Kind::End {
            return found;
        }
        found.push((token.kind, text[token.start..token.end].to_owned()));
    }
}

fn words(text: &str) -> Vec<String> {
    kinds(text)
        .into_iter()
        .filter(|(kind, _)| *kind != Kind::Newline)
        .map(|(_, word)| word)
        .collect()
}

fn error(text: &str) -> String {
    let text = format!("{text}\n");
    let mut lexer = Lexer::new(text.as_bytes());
    loop {
        match lexer.next() {
            Ok(token) => assert_ne!(token.kind, Kind::End, "no error in {text:?}"),
            Err(error) => return error.to_string(),
        }
    }
}

#[test]
fn numbers_end_where_cpython_ends_them() {
    assert_eq!(
        words("1if 1else 0xfor"),
        ["1", "if", "1", "else", "0xf", "or"]
    );
    assert_eq!(
        words("1..real 1.e5j 09e1 09j 0777L .5 5."),
        [
            "1.", ".", "real", "1.e5j", "09e1", "09j", "0777L", ".5", "5."
        ]
    );
    assert_eq!(words("0b12 1L2 1_0"), ["0b1", "2", "1L", "2", "1", "_0"]);
    for bad in ["08", "0x", "0o8", "0b2", "1e+"] {
        assert!(error(bad).contains("number"), "{bad}");
    }
}

#[test]
fn only_some_letters_are_string_prefixes() {
    assert_eq!(words("b'a' Br'a' ur'a' R'a'").len(), 4);
    assert_eq!(words("rb'a' ub'a' bur''").len(), 6);
}

#[test]
fn tabs_stop_every_eight_columns_unless_a_comment_says_otherwise() {
    let count = |text: &str, kind| {
        kinds(text)
            .iter()
            .filter(|(found, _)| *found == kind)
            .count()
    };
    assert_eq!(count("if 1:\n\tx\n        y", Kind::Indent), 1);
    assert_eq!(count("if 1:\n    x\n\ty", Kind::Indent), 2);
    assert_eq!(count("# vim:ts=4\nif 1:\n    x\n\ty", Kind::Indent), 1);
    assert!(error("if 1:\n  x\n y").contains("unindent"));
}

#[test]
fn lines_join_in_brackets_and_after_backslashes() {
    assert_eq!(
        kinds("(a,\n  b)")
            .iter()
            .filter(|(kind, _)| *kind == Kind::Newline)
            .count(),
        1
    );
    assert_eq!(words("a = \\\n   1"), ["a", "=", "1"]);
    assert!(error("a \\ \n").contains("continuation"));
}

#[test]
fn strings_that_are_not_closed_are_reported_where_they_begin() {
    assert_eq!(
        error("x = 'abc"),
        "line 1, column 5: this string is not closed on its line"
    );
    assert_eq!(
        error("x\n'''a\n\n"),
        "line 2, column 1: this triple-quoted string is never closed"
    );
    assert_eq!(words("'''a''b'''"), ["'''a''b'''"]);
    assert_eq!(words("'a\\\nb'"), ["'a\\\nb'"]);
}
