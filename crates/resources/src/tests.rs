//! Tests of resource files and their arithmetic.

use super::*;
use proptest::prelude::*;

const SMALL: &str =
    "resource cpu .002\nresource memory 1000000   # a comment\n\nresource diskused 100000\r\n";

fn file(text: &str) -> ResourceFile {
    ResourceFile::parse(text.as_bytes()).unwrap()
}

#[test]
fn lines_are_refused_in_the_original_s_words() {
    // Words and order checked against the original's resource parser.
    let cases: [(&[u8], &[u8]); 10] = [
        (b"hello", b"Line 'hello' not understood."),
        (b" x \xff#c", b"Line ' x \xff#c' not understood."),
        (
            b"resource cpu",
            b"Line 'resource cpu' has wrong number of items",
        ),
        (
            b"resource cpu 1 2",
            b"Line 'resource cpu 1 2' has wrong number of items",
        ),
        (
            b"resource cp 1",
            b"Line 'resource cp 1' has an unknown resource 'cp'",
        ),
        (
            b"resource cpu x",
            b"Line 'resource cpu x' has an invalid resource value 'x'",
        ),
        (
            b"resource cpu nan",
            b"Line 'resource cpu nan' has an invalid resource value 'nan'",
        ),
        (
            b"resource connport 0.5",
            b"Line 'resource connport 0.5' has an invalid resource value '0.5'",
        ),
        (
            b"resource cpu 1\nresource cpu 1",
            b"Line 'resource cpu 1' has a duplicate resource rule for 'cpu'",
        ),
        (b"resource cpu 1", b"Missing required resource: 'memory'"),
    ];
    for (text, words) in cases {
        let error = ResourceFile::parse(text).unwrap_err();
        assert_eq!(error.to_bytes(), words, "{error}");
    }
}

#[test]
fn what_a_split_takes_apart_a_join_puts_together() {
    let whole = file(
        "resource cpu .5\nresource memory 3000000\nresource diskused 300000\nresource messport 1\nresource messport 2.0\ncall open allow # c\n",
    );
    let offcut = file(SMALL);
    let asked = b"resource cpu .25\nresource memory 1000000\nresource diskused 100000\nresource messport 2\n";
    let (left, asked) = whole.split(&offcut, asked).unwrap();
    assert_eq!(left.resources().whole(Resource::Memory), 1_000_000);
    assert_eq!(
        left.resources()
            .ports(PortKind::Message)
            .collect::<Vec<_>>(),
        [1]
    );
    assert!(asked.resources().allows_port(PortKind::Message, 2));
    assert_eq!(asked.calls(), [ResourceLine::from("call open allow")]);
    let expected = "resource cpu 0.25\nresource memory 1000000\nresource diskused 100000\nresource events 0\n\
        resource filewrite 0.0\nresource fileread 0.0\nresource filesopened 0\nresource insockets 0\n\
        resource outsockets 0\nresource netsend 0.0\nresource netrecv 0.0\nresource loopsend 0.0\n\
        resource looprecv 0.0\nresource lograte 0.0\nresource random 0.0\nresource messport 2\ncall open allow\n";
    assert_eq!(String::from_utf8_lossy(asked.encode()), expected);
    let joined = left.join(&asked, &offcut);
    assert_eq!(joined.resources(), whole.resources());
    assert_eq!(
        ResourceFile::parse(joined.encode()).unwrap().resources(),
        joined.resources()
    );
}

#[test]
fn nothing_is_made_out_of_nothing() {
    let offcut = file(SMALL);
    let vessel = file("resource cpu .5\nresource memory 3000000\nresource diskused 300000\n");
    let split = |asked: &str| vessel.split(&offcut, asked.as_bytes()).unwrap_err();
    for memory in ["-5", "2000001"] {
        assert_eq!(
            split(&format!(
                "resource cpu .1\nresource memory {memory}\nresource diskused 1"
            )),
            SplitError::TooLarge(ResourceError::Negative(Resource::Memory))
        );
    }
    assert!(matches!(
        split("resource cpu .1\nresource memory inf\nresource diskused 1"),
        SplitError::Asked(ResourceError::Value { .. })
    ));
    assert_eq!(
        split("resource cpu .1"),
        SplitError::Asked(ResourceError::Missing(Resource::Memory))
    );
    assert_eq!(
        offcut.split(&vessel, SMALL.as_bytes()),
        Err(SplitError::TooSmall(ResourceError::Negative(Resource::Cpu)))
    );
    assert!(matches!(
        ResourceFile::parse(b"resource cpu 1\nresource memory -1\nresource diskused 1"),
        Err(ResourceError::Negative(Resource::Memory))
    ));
    assert_eq!(
        ResourceFile::parse(&[b'\n'; RESOURCE_FILE_BYTES_MAX + 1]),
        Err(ResourceError::TooLong)
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(
        lines in proptest::collection::vec(prop_oneof![
            "resource (cpu|memory|diskused|messport|x) [0-9.e+-]{0,6}", "call [a-z]{0,4} allow", "\\PC{0,10}",
        ], 0..10),
        noise in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let text = lines.join("\n");
        let offcut = file(SMALL);
        for bytes in [text.as_bytes(), &noise, format!("{SMALL}{text}").as_bytes()] {
            if let Ok(file) = ResourceFile::parse(bytes) {
                prop_assert_eq!(file.encode(), bytes);
                let _ = file.split(&offcut, bytes);
                let _ = file.join(&offcut, &offcut);
            }
            let _ = offcut.split(&offcut, bytes);
        }
    }
}

#[test]
fn a_line_of_any_bytes_is_kept_and_shown_readably() {
    let line = ResourceLine::from(&b"a\xff\n"[..]);
    assert_eq!(line.as_bytes(), b"a\xff\n");
    assert_eq!(format!("{line:?}"), r#""a\xff\n""#);
    assert_eq!(line.to_string(), "a\u{fffd}\n");
    let long = ResourceLine::from(&[b'x'; 1000][..]);
    assert!(format!("{long:?}").len() < 160);
}
