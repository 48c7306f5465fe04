//! Tests of reading requests: what is refused, in which words, and what is left for the accounts to judge.

use proptest::prelude::*;

use super::*;

/// A request with raw parameters.
fn request(method: &str, parameters: &[&str]) -> String {
    let parameters: String = parameters
        .iter()
        .map(|value| format!("<param><value>{value}</value></param>"))
        .collect();
    format!(
        "<?xml version='1.0'?><methodCall><methodName>{method}</methodName><params>{parameters}</params></methodCall>"
    )
}

const ALICE: &str = "<struct><member><name>username</name><value>alice</value></member><member><name>api_key</name><value>K</value></member></struct>";

fn call_of(method: &str, argument: &str) -> Result<AccountCall, Fault> {
    match parse(request(method, &[ALICE, argument]).as_bytes()) {
        Ok(Incoming::WithApiKey { call, .. }) => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_wrong_with_arguments_is_said_only_after_the_user_was_checked() {
    let body = request("acquire_resources", &[ALICE, "<int>1</int>"]);
    let Ok(Incoming::WithApiKey {
        user,
        api_key,
        call,
    }) = parse(body.as_bytes())
    else {
        panic!("not parsed");
    };
    assert_eq!((user.as_str(), api_key.expose()), ("alice", "K"));
    assert_eq!(
        call,
        Err(Fault::invalid_request("rspec is an invalid data type."))
    );
}

#[test]
fn a_wrong_number_of_arguments_is_an_internal_fault_as_with_the_original() {
    for (method, parameters) in [
        ("get_account_info", &[][..]),
        ("get_account_info", &[ALICE, ALICE][..]),
        ("acquire_resources", &[ALICE][..]),
        ("acquire_resources", &[ALICE, ALICE, ALICE][..]),
        ("get_encrypted_api_key", &["alice", "bob"][..]),
        ("set_public_key", &[ALICE][..]),
        ("_dispatch", &["get_account_info"][..]),
    ] {
        let fault = parse(request(method, parameters).as_bytes()).unwrap_err();
        assert_eq!(fault, Fault::internal(), "{method}");
    }
    let unknown = parse(request("system.listMethods", &[]).as_bytes());
    assert_eq!(unknown, Err(Fault::no_such_method()));
}

#[test]
fn the_account_part_is_refused_in_the_originals_words() {
    let refusal = |method: &str, value: &str| {
        let second = "<string>x</string>";
        let parameters: &[&str] = match method {
            "set_public_key" => &[value, second],
            _ => &[value],
        };
        parse(request(method, parameters).as_bytes()).unwrap_err()
    };
    for (value, kind) in [
        ("<int>1</int>", "int"),
        ("<boolean>1</boolean>", "bool"),
        ("<double>1.5</double>", "float"),
        ("<nil/>", "NoneType"),
        ("<array><data></data></array>", "list"),
        ("alice", "str"),
        ("é", "unicode"),
        ("<base64>AAAA</base64>", "instance"),
    ] {
        let text = format!("Auth dict must be a dictionary, not a <type '{kind}'>");
        assert_eq!(
            refusal("get_account_info", value),
            Fault::new(102, text.clone())
        );
        assert_eq!(refusal("set_public_key", value), Fault::new(102, text));
    }
    assert_eq!(
        refusal("set_public_key", ALICE).text,
        "PasswordAuth dict must contain both a 'username' and an 'password'."
    );
    let number = ALICE.replace(">K<", "><int>5</int><");
    assert_eq!(refusal("get_account_info", &number), Fault::internal());
    let accent = ALICE.replace("alice", "é");
    assert_eq!(refusal("get_account_info", &accent), Fault::internal());
}

#[test]
fn only_the_wires_own_words_are_types_of_vessels() {
    let rspec = |kind: &str, count: &str| {
        let argument = format!(
            "<struct><member><name>rspec_type</name><value>{kind}</value></member><member><name>number_of_nodes</name><value>{count}</value></member></struct>"
        );
        call_of("acquire_resources", &argument)
    };
    for (kind, vessel_type) in [
        ("wan", VesselType::Wan),
        ("lan", VesselType::Lan),
        ("nat", VesselType::Nat),
        ("random", VesselType::Rand),
    ] {
        let call = AccountCall::AcquireResources {
            vessel_type,
            count: 3,
        };
        assert_eq!(rspec(kind, "<int>3</int>"), Ok(call));
    }
    // A number beyond 32 bits is a number: nobody has as much credit.
    for (count, read) in [
        ("<i8>3</i8>", 3),
        ("<i4>3000000000</i4>", 3_000_000_000),
        ("<i8>5000000000</i8>", u32::MAX),
    ] {
        let call = AccountCall::AcquireResources {
            vessel_type: VesselType::Wan,
            count: read,
        };
        assert_eq!(rspec("wan", count), Ok(call), "{count}");
    }
    let values = Err(Fault::invalid_request("rspec has invalid values."));
    for (kind, count) in [
        ("rand", "<int>1</int>"),
        ("WAN", "<int>1</int>"),
        ("wan", "<int>0</int>"),
        ("wan", "<boolean>0</boolean>"),
        ("wan", "<int>-2147483648</int>"),
        ("wan", "<i8>-5000000000</i8>"),
    ] {
        assert_eq!(rspec(kind, count), values, "{kind} {count}");
    }
    let types = Err(Fault::invalid_request("rspec has invalid data types."));
    for (kind, count) in [
        ("wan", "<string>1</string>"),
        ("wan", "<double>1</double>"),
        ("wan", "<int>9223372036854775808</int>"),
        ("wan", "<dateTime.iso8601>today</dateTime.iso8601>"),
        ("<int>1</int>", "<int>1</int>"),
        ("wän", "<int>1</int>"),
    ] {
        assert_eq!(rspec(kind, count), types, "{kind} {count}");
    }
}

#[test]
fn handles_are_handed_on_as_sent_and_named_once_for_an_acquisition() {
    let list =
        "<array><data><value>a:v1</value><value>nocolon</value><value>a:v1</value></data></array>";
    let sent = ["a:v1", "nocolon", "a:v1"].map(str::to_owned).to_vec();
    assert_eq!(
        call_of("release_resources", list),
        Ok(AccountCall::ReleaseResources(sent.clone()))
    );
    assert_eq!(
        call_of("renew_resources", list),
        Ok(AccountCall::RenewResources(sent.clone()))
    );
    assert_eq!(
        call_of("acquire_specific_vessels", list),
        Ok(AccountCall::AcquireSpecificVessels(sent[..2].to_vec()))
    );
    assert_eq!(split_handle("65537 1:v3"), Ok(("65537 1", "v3")));
    for handle in ["nocolon", "a:b:c", ""] {
        assert_eq!(split_handle(handle), Err(Fault::malformed_handle(handle)));
    }
}

#[test]
fn a_handle_that_is_no_text_is_refused_by_each_call_in_its_own_way() {
    let number = "<array><data><value><int>5</int></value></data></array>";
    assert_eq!(call_of("release_resources", number), Err(Fault::internal()));
    assert_eq!(
        call_of("acquire_specific_vessels", number),
        Err(Fault::internal())
    );
    assert_eq!(
        call_of("renew_resources", number).unwrap_err().text,
        "Invalid data type for handle. Expected str, received <type 'int'>"
    );
}

#[test]
fn parameters_without_a_method_fail_as_in_the_originals_dispatcher() {
    for body in [
        "<methodCall><params/></methodCall>",
        "<methodCall><params><param><value>x</value></param></params></methodCall>",
    ] {
        assert_eq!(parse(body.as_bytes()), Err(Fault::internal()), "{body}");
    }
}

#[test]
fn a_call_through_the_dispatcher_is_the_call_itself() {
    let mut argument = format!("<array><data><value>{ALICE}</value></data></array>");
    let mut name = "get_account_info";
    for _ in 0..3 {
        let direct = parse(request("_dispatch", &[name, &argument]).as_bytes()).unwrap();
        assert!(matches!(
            direct,
            Incoming::WithApiKey {
                call: Ok(AccountCall::GetAccountInfo),
                ..
            }
        ));
        argument =
            format!("<array><data><value>{name}</value><value>{argument}</value></data></array>");
        name = "_dispatch";
    }
}

/// An acquisition of that many vessels, as it is in the documents of clients in other languages.
fn acquisition(document: &[u8]) -> Result<AccountCall, Fault> {
    match parse(document) {
        Ok(Incoming::WithApiKey {
            user,
            api_key,
            call,
        }) => {
            assert_eq!((user.as_str(), api_key.expose()), ("alice", "K"));
            call
        }
        other => panic!("{other:?}"),
    }
}

/// What xmlrpc 1.3.2 (npm), RPC::XML 1.61 (Perl) and aiohttp-xmlrpc 1.5.0 (Python) write, with their count put in.
fn documents_of_other_clients(count: [&str; 3]) -> [String; 3] {
    let [npm, perl, aiohttp] = count;
    [
        format!(
            "<?xml version=\"1.0\"?><methodCall><methodName>acquire_resources</methodName><params><param><value><struct><member><name>username</name><value><string>alice</string></value></member><member><name>api_key</name><value><string>K</string></value></member></struct></value></param><param><value><struct><member><name>rspec_type</name><value><string>wan</string></value></member><member><name>number_of_nodes</name><value>{npm}</value></member></struct></value></param></params></methodCall>"
        ),
        format!(
            "<?xml version=\"1.0\" encoding=\"us-ascii\"?><methodCall><methodName>acquire_resources</methodName><params><param><value><struct><member><name>api_key</name><value><string>K</string></value></member><member><name>username</name><value><string>alice</string></value></member></struct></value></param><param><value><struct><member><name>number_of_nodes</name><value>{perl}</value></member><member><name>rspec_type</name><value><string>wan</string></value></member></struct></value></param></params></methodCall>"
        ),
        format!(
            "<methodCall><methodName>acquire_resources</methodName><params><param><value><struct><member><name>username</name><value><string>alice</string></value></member><member><name>api_key</name><value><string>K</string></value></member></struct></value></param><param><value><struct><member><name>rspec_type</name><value><string>wan</string></value></member><member><name>number_of_nodes</name><value>{aiohttp}</value></member></struct></value></param></params></methodCall>"
        ),
    ]
}

#[test]
fn clients_of_other_languages_are_understood_alike() {
    let documents = documents_of_other_clients(["<int>2</int>", "<int>2</int>", "<i4>2</i4>"]);
    for document in documents {
        let call = AccountCall::AcquireResources {
            vessel_type: VesselType::Wan,
            count: 2,
        };
        assert_eq!(acquisition(document.as_bytes()), Ok(call), "{document}");
    }
}

#[test]
fn numbers_beyond_32_bits_are_what_each_client_makes_of_them() {
    let [npm, perl, aiohttp] = documents_of_other_clients([
        "<int>3000000000</int>",
        "<i8>3000000000</i8>",
        "<double>3000000000</double>",
    ]);
    for document in [npm, perl] {
        let call = AccountCall::AcquireResources {
            vessel_type: VesselType::Wan,
            count: 3_000_000_000,
        };
        assert_eq!(acquisition(document.as_bytes()), Ok(call), "{document}");
    }
    let types = Fault::invalid_request("rspec has invalid data types.");
    assert_eq!(acquisition(aiohttp.as_bytes()), Err(types));
    // From 1e21 on JavaScript writes an exponent into its integers.
    let [npm, ..] = documents_of_other_clients(["<int>1e+21</int>", "", ""]);
    assert_eq!(
        parse(npm.as_bytes()).unwrap_err().text,
        "<type 'exceptions.ValueError'>:invalid literal for int() with base 10: '1e+21'"
    );
}

#[test]
fn javascripts_undefined_is_an_empty_text() {
    let list = "<array><data><value><string>a:v1</string></value><value><string/></value><value/></data></array>";
    let handles = ["a:v1", "", ""].map(str::to_owned).to_vec();
    assert_eq!(
        call_of("renew_resources", list),
        Ok(AccountCall::RenewResources(handles))
    );
}

#[test]
fn perls_texts_that_look_like_numbers_or_dates_are_refused_as_such() {
    let no_text = Fault::invalid_request("Username must be a string.");
    for name in [
        "<int>007</int>",
        "<double>100000.0</double>",
        "<dateTime.iso8601>20261129T07:00:00</dateTime.iso8601>",
    ] {
        let refused = parse(request("get_encrypted_api_key", &[name]).as_bytes());
        assert_eq!(refused, Err(no_text.clone()), "{name}");
    }
    let latin = b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><methodCall><methodName>get_encrypted_api_key</methodName><params><param><value><string>Jos\xe9</string></value></param></params></methodCall>";
    let user = "Jos\u{e9}".to_owned();
    assert_eq!(parse(latin), Ok(Incoming::EncryptedApiKey { user }));
}

#[test]
fn a_request_that_is_too_large_is_not_even_read() {
    let body = vec![b' '; REQUEST_BYTES_MAX + 1];
    assert_eq!(parse(&body).unwrap_err().kind(), FaultKind::Internal);
}

fn any_request() -> impl Strategy<Value = ClearinghouseRequest> {
    let handles = || proptest::collection::vec("[ -~]{0,12}", 1..5);
    let vessel_type = prop::sample::select(VesselType::ALL.to_vec());
    let call = prop_oneof![
        Just(AccountCall::GetAccountInfo),
        Just(AccountCall::GetPublicKey),
        Just(AccountCall::GetResourceInfo),
        (vessel_type, 1..=i32::MAX as u32)
            .prop_map(|(vessel_type, count)| AccountCall::AcquireResources { vessel_type, count }),
        handles().prop_map(AccountCall::ReleaseResources),
        handles().prop_map(AccountCall::RenewResources),
    ];
    let password_call = prop_oneof![
        Just(PasswordCall::RegenerateApiKey),
        "[ -~]{0,30}".prop_map(PasswordCall::SetPublicKey),
    ];
    prop_oneof![
        "\\PC{0,20}".prop_map(|user| ClearinghouseRequest::EncryptedApiKey { user }),
        ("[ -~]{0,20}", "[!-~]{1,40}", call).prop_map(|(user, key, call)| {
            ClearinghouseRequest::WithApiKey {
                user,
                api_key: ApiKey::new(&key).unwrap(),
                call,
            }
        }),
        ("[ -~]{0,20}", "[ -~]{0,40}", password_call).prop_map(|(user, password, call)| {
            ClearinghouseRequest::WithPassword {
                user,
                password: Password::new(password),
                call,
            }
        }),
    ]
}

proptest! {
    #[test]
    fn whatever_the_client_half_writes_the_server_half_reads(request in any_request()) {
        let incoming = parse(request.to_xml().as_bytes()).unwrap();
        let back = match incoming {
            Incoming::EncryptedApiKey { user } => ClearinghouseRequest::EncryptedApiKey { user },
            Incoming::WithApiKey { user, api_key, call } => ClearinghouseRequest::WithApiKey { user, api_key, call: call.unwrap() },
            Incoming::WithPassword { user, password, call } => ClearinghouseRequest::WithPassword { user, password, call: call.unwrap() },
        };
        prop_assert_eq!(back, request);
    }
}
