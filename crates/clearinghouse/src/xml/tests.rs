//! Tests of reading and writing documents.

use proptest::prelude::*;

use super::*;

fn call_error(text: &str) -> String {
    read_call(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn mistakes_in_xml_are_said_as_pythons_parser_says_them() {
    // Each line was checked against Python 2.7's own parser.
    for (text, what) in [
        ("", "no element found at line 1, column 0"),
        ("<methodCall>", "no element found at line 1, column 12"),
        (
            "<?xml version=\"1.0\"?>\n",
            "no element found at line 2, column 0",
        ),
        ("hello world", "syntax error at line 1, column 0"),
        ("  hello", "syntax error at line 1, column 2"),
        ("<a></b>", "mismatched tag at line 1, column 5"),
        ("<a><b></a>", "mismatched tag at line 1, column 8"),
        ("<meth", "unclosed token at line 1, column 0"),
        ("<a>\n<b", "unclosed token at line 2, column 0"),
        ("<!-- x", "unclosed token at line 1, column 0"),
        ("<a><!-- x</a>", "unclosed token at line 1, column 3"),
        (
            "<a/><b/>",
            "junk after document element at line 1, column 4",
        ),
        ("<a/>x", "junk after document element at line 1, column 4"),
        (
            "</a>",
            "not well-formed (invalid token) at line 1, column 1",
        ),
    ] {
        assert_eq!(
            call_error(text),
            format!("no well-formed XML, {what}"),
            "{text:?}"
        );
    }
    for (bytes, what) in [
        (
            &b"<a>\xff</a>"[..],
            "not well-formed (invalid token) at line 1, column 3",
        ),
        (
            b"<a>\xc3\xa9\r\n\r\xc3\xa9\x01",
            "not well-formed (invalid token) at line 3, column 1",
        ),
        (b"<a>\xc3", "partial character at line 1, column 3"),
        (b"<a>&b;</a>", "undefined entity at line 1, column 3"),
        (
            b"<a>&#0;</a>",
            "reference to invalid character number at line 1, column 3",
        ),
        (
            b"<a>a & b</a>",
            "not well-formed (invalid token) at line 1, column 6",
        ),
        (
            b"<a>]]></a>",
            "not well-formed (invalid token) at line 1, column 5",
        ),
        (
            b"<a><!-- -- --></a>",
            "not well-formed (invalid token) at line 1, column 10",
        ),
        (
            b"<a b='1' b='2'/>",
            "duplicate attribute at line 1, column 9",
        ),
        (
            b"<a b=1/>",
            "not well-formed (invalid token) at line 1, column 5",
        ),
        (
            b"<a b='1'c='2'/>",
            "not well-formed (invalid token) at line 1, column 8",
        ),
        (
            b"<a><![CDATA[ ]]",
            "unclosed CDATA section at line 1, column 13",
        ),
        (
            b" <?xml version='1.0'?><a/>",
            "XML or text declaration not at start of entity at line 1, column 1",
        ),
        (
            b"<?xml versio='1.0'?><a/>",
            "XML declaration not well-formed at line 1, column 6",
        ),
        (
            b"{\"json\": 1}",
            "not well-formed (invalid token) at line 1, column 0",
        ),
        (b"<html><br></html>", "mismatched tag at line 1, column 12"),
    ] {
        let error = read_call(bytes).unwrap_err().to_string();
        assert_eq!(error, format!("no well-formed XML, {what}"));
    }
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
    for value in [
        "<int> +5 </int>",
        "<double> 1e5 </double>",
        "<nil/>",
        "<string/>",
    ] {
        assert!(read_call(call_with(value).as_bytes()).is_ok(), "{value}");
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
    assert_eq!(
        name_in(&body("foo", b"x")),
        Err(XmlError::Encoding("foo".to_owned()))
    );
    let with_mark = [b"\xef\xbb\xbf", &body("utf-8", b"x")[..]].concat();
    assert_eq!(name_in(&with_mark), Ok("x".to_owned()));
    let text = "<methodCall><methodName>é</methodName></methodCall>";
    for (mark, bytes) in [
        ([0xff, 0xfe], u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ([0xfe, 0xff], u16::to_be_bytes),
    ] {
        let units: Vec<u8> = text.encode_utf16().flat_map(bytes).collect();
        assert_eq!(name_in(&[&mark[..], &units].concat()), Ok("é".to_owned()));
    }
}

#[test]
fn xml_that_is_no_xml_rpc_is_refused() {
    for text in [
        "<foo/>",
        "<methodCall></methodCall>",
        "<methodResponse><params></params></methodResponse>",
    ] {
        let error = read_call(text.as_bytes()).unwrap_err();
        assert_eq!(error, XmlError::NotXmlRpc("call"), "{text}");
    }
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
