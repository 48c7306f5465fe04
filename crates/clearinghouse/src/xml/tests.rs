//! Tests of reading and writing documents.

use proptest::prelude::*;

use super::error::{DEPTH_MAX, ELEMENTS_MAX};
use super::*;

fn call_error(text: &str) -> String {
    read_call(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn mistakes_in_xml_are_named_and_placed() {
    for (text, what) in [
        // These are recorded, to the letter.
        ("", "no element found at line 1, column 0"),
        ("<methodCall>", "no element found at line 1, column 12"),
        ("hello world", "syntax error at line 1, column 0"),
        // What more the original's parser would say of these is about the same.
        (
            "<?xml version=\"1.0\"?>\n",
            "no element found at line 2, column 0",
        ),
        ("  hello", "syntax error at line 1, column 2"),
        ("<a></b>", "mismatched tag at line 1, column 3"),
        ("<a>\n<b", "unclosed token at line 2, column 0"),
        ("<!-- x", "unclosed token at line 1, column 0"),
        ("<a><!-- x</a>", "unclosed token at line 1, column 3"),
        (
            "<a/><b/>",
            "junk after document element at line 1, column 4",
        ),
        ("<a/>x", "junk after document element at line 1, column 4"),
        ("<a>&b;</a>", "undefined entity at line 1, column 3"),
        (
            "<a>&#0;</a>",
            "reference to invalid character number at line 1, column 3",
        ),
        (
            " <?xml version='1.0'?><a/>",
            "XML or text declaration not at start of entity at line 1, column 1",
        ),
        (
            "<?xml versio='1.0'?><a/>",
            "XML declaration not well-formed at line 1, column 0",
        ),
    ] {
        assert_eq!(
            call_error(text),
            format!("no well-formed XML, {what}"),
            "{text:?}"
        );
    }
    for bytes in [
        &b"</a>"[..],
        b"<a>\xff</a>",
        b"<a>\xc3",
        b"<a>\x01</a>",
        b"<a>a & b</a>",
        b"<a b='1' b='2'/>",
        b"<a b=1/>",
        b"<1a/>",
        b"<a><![CDATA[ ]]",
        b"<html><br></html>",
    ] {
        let refused = read_call(bytes);
        assert!(
            matches!(refused, Err(XmlError::NotWellFormed { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(
        call_error("<a>\u{e9}\r\n\u{e9}&b;</a>"),
        "no well-formed XML, undefined entity at line 2, column 1"
    );
}

/// A call with one parameter.
fn call_with(value: &str) -> String {
    format!(
        "<methodCall><methodName>x</methodName><params><param><value>{value}</value></param></params></methodCall>"
    )
}

#[test]
fn values_that_python_refuses_are_refused_in_its_words() {
    // Checked against Python 2.7's own library.
    for (value, words) in [
        (
            "<int>5L</int>",
            "<type 'exceptions.ValueError'>:invalid literal for int() with base 10: '5L'",
        ),
        (
            "<int>\n a\nb </int>",
            "<type 'exceptions.ValueError'>:invalid literal for int() with base 10: 'a b '",
        ),
        (
            "<base64>abc</base64>",
            "<class 'binascii.Error'>:Incorrect padding",
        ),
        (
            "<dateTime.iso8601>é</dateTime.iso8601>",
            "<class 'xmlrpclib.ResponseError'>:ResponseError()",
        ),
        (
            "<i4/>",
            "<type 'exceptions.ValueError'>:invalid literal for int() with base 10: ''",
        ),
        (
            "<boolean>true</boolean>",
            "<type 'exceptions.TypeError'>:bad boolean value",
        ),
        (
            "<double>x</double>",
            "<type 'exceptions.ValueError'>:could not convert string to float: x",
        ),
        (
            "<double>1_0</double>",
            "<type 'exceptions.ValueError'>:invalid literal for float(): 1_0",
        ),
        (
            "<struct><member><name>a</name></member></struct>",
            "<type 'exceptions.IndexError'>:list index out of range",
        ),
        (
            "<struct><member><value><i4>1</i4></value><name>a</name></member></struct>",
            "<type 'exceptions.AttributeError'>:'int' object has no attribute 'encode'",
        ),
        (
            "<foo>1</foo>",
            "<class 'xmlrpclib.ResponseError'>:ResponseError(\"unknown tag u'foo'\",)",
        ),
        (
            "<é/>",
            "<class 'xmlrpclib.ResponseError'>:ResponseError(\"unknown tag u'\\\\xe9'\",)",
        ),
    ] {
        let refused = read_call(call_with(value).as_bytes());
        assert_eq!(refused, Err(XmlError::NoValue(words.to_owned())), "{value}");
    }
    // What is refused comes before a mistake behind it, as with a parser that reads as it goes.
    let refused = read_call(call_with("<int>x</int></int>").as_bytes());
    assert!(matches!(refused, Err(XmlError::NoValue(_))), "{refused:?}");
}

#[test]
fn values_are_read_as_pythons_library_reads_them() {
    let text = |text: &str| RpcValue::String(text.to_owned());
    let member = |name: &str, value: RpcValue| RpcValue::Struct([(name.to_owned(), value)].into());
    // Each was read by Python 2.7's own library.
    for (written, read) in [
        ("", text("")),
        ("a &lt;b&gt;&#13;\r\nc", text("a <b>\r\nc")),
        ("<![CDATA[<a>]]>", text("<a>")),
        ("<string/>", text("")),
        ("a<string>b</string>c", text("b")),
        ("<int> +5\n</int>", RpcValue::Integer(5)),
        ("<int>- 5</int>", RpcValue::Integer(-5)),
        ("<i4>3000000000</i4>", RpcValue::Integer(3_000_000_000)),
        ("<i8>-5000000000</i8>", RpcValue::Integer(-5_000_000_000)),
        (
            "<int>99999999999999999999</int>",
            RpcValue::Integer(99_999_999_999_999_999_999),
        ),
        ("<double> 1e5 </double>", RpcValue::Double(1e5)),
        ("<boolean>1</boolean>", RpcValue::Boolean(true)),
        (
            "<dateTime.iso8601>yesterday</dateTime.iso8601>",
            RpcValue::DateTime,
        ),
        (
            "<dateTime.iso8601>2026-11-29T07:00:00Z</dateTime.iso8601>",
            RpcValue::DateTime,
        ),
        ("<base64>YQ==</base64>", RpcValue::Base64),
        ("<base64>Y Q=\n=junk</base64>", RpcValue::Base64),
        ("<base64>=Y*Q-==</base64>", RpcValue::Base64),
        ("<nil/>", RpcValue::Nil),
        ("<array><data/></array>", RpcValue::Array(Vec::new())),
        ("<array/>", RpcValue::Array(Vec::new())),
        (
            "<array><value>a</value><value><nil/></value></array>",
            RpcValue::Array(vec![text("a"), RpcValue::Nil]),
        ),
        (
            "<struct><member><name/><value>1</value></member></struct>",
            member("", text("1")),
        ),
        (
            "<struct><member>\n<name>a</name>\n<value>1</value>\n</member>\n</struct>",
            member("a", text("1")),
        ),
    ] {
        let call = read_call(call_with(written).as_bytes());
        assert_eq!(call, Ok(("x".to_owned(), vec![read])), "{written}");
    }
}

#[test]
fn nothing_is_asked_of_the_elements_around_values() {
    let call = Ok(("x".to_owned(), vec![RpcValue::Integer(1)]));
    for written in [
        "<methodCall><methodName>x</methodName><params><value><int>1</int></value></params></methodCall>",
        "<methodCall><methodName>x</methodName><value><int>1</int></value></methodCall>",
        "<call><methodName>x</methodName><param><int>1</int></param></call>",
        "<methodCall a='1'><params><param><value><int>1</int></value></param></params><methodName>x</methodName></methodCall>",
    ] {
        assert_eq!(read_call(written.as_bytes()), call, "{written}");
    }
}

#[test]
fn encodings_that_the_originals_parser_knows_are_read_and_others_named() {
    let body = |encoding: &str, name: &[u8]| {
        let start = format!("<?xml version='1.0' encoding='{encoding}'?><methodCall><methodName>");
        [start.as_bytes(), name, b"</methodName></methodCall>"].concat()
    };
    let name_in = |bytes: &[u8]| read_call(bytes).map(|(name, _)| name);
    assert_eq!(name_in(&body("iso-8859-1", b"\xe9")), Ok("é".to_owned()));
    assert_eq!(name_in(&body("UTF-8", "é".as_bytes())), Ok("é".to_owned()));
    assert!(matches!(
        name_in(&body("US-ASCII", "é".as_bytes())),
        Err(XmlError::NotWellFormed { .. })
    ));
    for (encoding, byte, character) in [
        ("windows-1252", b"\x80", "€"),
        ("cp1252", b"\x80", "€"),
        ("iso8859-15", b"\xa4", "€"),
        ("iso_8859_15", b"\xa4", "€"),
        ("latin9", b"\xa4", "€"),
        ("latin1", b"\x80", "\u{80}"),
        ("koi8-r", b"\xe9", "И"),
        ("mac_roman", b"\xe9", "È"),
        ("ascii", b"a", "a"),
        ("UTF8", b"a", "a"),
    ] {
        assert_eq!(
            name_in(&body(encoding, byte)).as_deref(),
            Ok(character),
            "{encoding}"
        );
    }
    // Python reads no more than ASCII under this name; who declares it means what it says.
    assert_eq!(name_in(&body("UTF8", "é".as_bytes())), Ok("é".to_owned()));
    assert_eq!(
        name_in(&body("foo", b"x")),
        Err(XmlError::UnknownEncoding("foo".to_owned()))
    );
    assert_eq!(
        name_in(&body("shift_jis", b"x")),
        Err(XmlError::MultiByteEncoding("shift_jis".to_owned()))
    );
    assert!(matches!(
        name_in(&body("utf-16", b"x")),
        Err(XmlError::NotWellFormed { .. })
    ));
    let with_mark = [b"\xef\xbb\xbf", &body("utf-8", b"x")[..]].concat();
    assert_eq!(name_in(&with_mark), Ok("x".to_owned()));
    let text = "<methodCall><methodName>é</methodName></methodCall>";
    for (mark, bytes) in [
        ([0xff, 0xfe], u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ([0xfe, 0xff], u16::to_be_bytes),
    ] {
        let units: Vec<u8> = text.encode_utf16().flat_map(bytes).collect();
        assert_eq!(name_in(&[&mark[..], &units].concat()), Ok("é".to_owned()));
        assert_eq!(name_in(&units), Ok("é".to_owned()), "without a mark");
    }
}

#[test]
fn xml_that_is_no_xml_rpc_is_refused() {
    for text in ["<foo/>", "<methodCall></methodCall>", "<fault/>"] {
        let error = read_call(text.as_bytes()).unwrap_err();
        assert_eq!(error, XmlError::NotXmlRpc("call"), "{text}");
    }
    assert_eq!(
        read_call(b"<methodResponse><params></params></methodResponse>"),
        Err(XmlError::NoMethod)
    );
    assert_eq!(
        read_answer(b"<methodCall><methodName>x</methodName></methodCall>"),
        Err(XmlError::NotXmlRpc("answer"))
    );
    assert_eq!(
        read_answer(b"<methodResponse><fault><value><int>1</int></value></fault></methodResponse>"),
        Err(XmlError::NotXmlRpc("fault"))
    );
}

#[test]
fn depth_that_would_end_the_process_is_refused() {
    let nested = |levels: usize| {
        let open = "<value><array><data>".repeat(levels);
        let close = "</data></array></value>".repeat(levels);
        format!(
            "<methodCall><methodName>x</methodName><params><param>{open}<value><int>1</int></value>{close}</param></params></methodCall>"
        )
    };
    assert_eq!(
        read_call(nested(100_000).as_bytes()),
        Err(XmlError::TooDeep)
    );
    let deepest = (DEPTH_MAX - 5) / 3;
    assert!(read_call(nested(deepest).as_bytes()).is_ok());
    // Depth hidden from a naive count of tags is found as well.
    let hidden = "<a><!-- </a> --><![CDATA[</a>]]><?p </a>?>".repeat(DEPTH_MAX + 1);
    assert_eq!(read_call(hidden.as_bytes()), Err(XmlError::TooDeep));
}

#[test]
fn crowds_of_elements_and_document_types_are_refused() {
    let crowd = format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX));
    assert_eq!(read_call(crowd.as_bytes()), Err(XmlError::TooManyElements));
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bb\">]><a>&b;</a>";
    assert_eq!(read_call(bomb.as_bytes()), Err(XmlError::DocumentType));
}

#[test]
fn a_fault_is_read_in_any_order_of_its_members_and_with_more_of_them() {
    let answer = "<?xml version='1.0'?><methodResponse><fault>
        <value><struct>
          <member><name>faultString</name><value>no &lt;b&gt;</value></member>
          <member><name>more</name><value><nil/></value></member>
          <member><name>faultCode</name><value><i4>105</i4></value></member>
        </struct></value></fault></methodResponse>";
    let fault = Fault::new(105, "no <b>");
    assert_eq!(read_answer(answer.as_bytes()), Ok(Err(fault)));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_call(&bytes);
        let _ = read_answer(&bytes);
    }

    #[test]
    fn any_soup_of_tags_is_read_or_refused_without_a_panic(
        parts in proptest::collection::vec(
            prop::sample::select(vec![
                "<methodCall>", "</methodCall>", "<methodResponse>", "</methodResponse>", "<fault>", "</fault>",
                "<methodName>", "</methodName>", "<params>", "</params>", "<param>", "</param>", "<value>",
                "</value>", "<struct>", "</struct>", "<member>", "</member>", "<name>", "</name>", "<int>",
                "</int>", "<string>", "</string>", "<array>", "</array>", "<data>", "</data>", "<nil/>", "<base64>",
                "</base64>", "<dateTime.iso8601>", "</dateTime.iso8601>", "1", "a", " ", "&amp;", "&", "<![CDATA[", "]]>", "é",
            ]),
            0..40,
        ),
    ) {
        let text = parts.concat();
        let _ = read_call(text.as_bytes());
        let _ = read_answer(text.as_bytes());
    }

    #[test]
    fn any_fault_goes_over_the_wire_unchanged(code in any::<i32>(), text in "[^\\x00-\\x1f]{0,80}") {
        let fault = Fault::new(code, text);
        let read = read_answer(Writer::fault(&fault).as_bytes());
        prop_assert_eq!(read, Ok(Err(fault)));
    }
}
