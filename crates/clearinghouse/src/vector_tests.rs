//! The recordings of the original, run through both halves: requests, answers, faults, HTTP heads.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::request::{AccountCall, ClearinghouseRequest};
use crate::response::{self, ClearinghouseResponse};
use crate::server::{self, Incoming};
use crate::test_support::{Answer, Authority, Server, VALID, client_for, exchanges};
use crate::xml::{RpcValue, read_answer, read_call};
use crate::{Credentials, Fault, FaultKind, Method};

/// An answer as typed values, read as the call's answer and written again.
fn written_again(method: Option<Method>, body: &[u8]) -> String {
    let value = match read_answer(body).unwrap() {
        Err(fault) => return fault.to_xml(),
        Ok(value) => value,
    };
    let response = match method.expect("only a call gets an answer that is no fault") {
        Method::GetAccountInfo => {
            ClearinghouseResponse::Account(response::read_account(&value).unwrap())
        }
        Method::AcquireResources | Method::AcquireSpecificVessels | Method::GetResourceInfo => {
            ClearinghouseResponse::Vessels(response::read_vessels(&value).unwrap())
        }
        Method::ReleaseResources | Method::RenewResources | Method::SetPublicKey => {
            response::read_done(&value).unwrap();
            ClearinghouseResponse::Done
        }
        Method::GetEncryptedApiKey | Method::GetPublicKey | Method::RegenerateApiKey => {
            ClearinghouseResponse::Text(response::read_text(value).unwrap())
        }
    };
    response.to_xml()
}

/// The call inside a request, through the dispatcher if it went that way.
fn method_of(body: &[u8]) -> Option<Method> {
    let (mut name, mut parameters) = read_call(body).ok()?;
    while name == "_dispatch" {
        let Ok([RpcValue::String(inner), RpcValue::Array(arguments)]) =
            <[RpcValue; 2]>::try_from(parameters)
        else {
            return None;
        };
        (name, parameters) = (inner, arguments);
    }
    Method::named(&name)
}

/// The request again, if it was well-formed.
fn as_request(incoming: Incoming) -> Option<ClearinghouseRequest> {
    match incoming {
        Incoming::EncryptedApiKey { user } => Some(ClearinghouseRequest::EncryptedApiKey { user }),
        Incoming::WithApiKey {
            user,
            api_key,
            call,
        } => call.ok().map(|call| ClearinghouseRequest::WithApiKey {
            user,
            api_key,
            call,
        }),
        Incoming::WithPassword {
            user,
            password,
            call,
        } => call.ok().map(|call| ClearinghouseRequest::WithPassword {
            user,
            password,
            call,
        }),
    }
}

#[test]
fn vector_every_answer_is_read_typed_and_written_again_byte_for_byte() {
    for (name, exchange) in exchanges() {
        let body = exchange.response_body();
        let expected = String::from_utf8(body.clone()).unwrap();
        if exchange.is_post() {
            let method = method_of(&exchange.request_body());
            assert_eq!(written_again(method, &body), expected, "{name}");
        } else {
            assert_eq!(server::INFO_PAGE, expected, "{name}");
        }
        let head = exchange.response_head();
        assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{name}");
        let content_type = format!("Content-Type: {}", server::CONTENT_TYPE);
        assert!(head.contains(&content_type), "{name}");
        if let Ok(Err(fault)) = read_answer(&body) {
            assert_ne!(fault.kind(), FaultKind::Unknown, "{name}");
        }
    }
}

#[test]
fn vector_what_can_be_refused_without_accounts_is_refused_in_the_recorded_words() {
    let mut refusals = BTreeSet::new();
    for (name, exchange) in exchanges() {
        if !exchange.is_post() {
            continue;
        }
        let refusal = match server::parse(&exchange.request_body()) {
            Err(fault) => Some(fault),
            Ok(
                Incoming::WithApiKey {
                    call: Err(fault), ..
                }
                | Incoming::WithPassword {
                    call: Err(fault), ..
                },
            ) => Some(fault),
            Ok(_) => None,
        };
        let answered = read_answer(&exchange.response_body()).unwrap();
        match refusal {
            Some(fault) => {
                assert_eq!(answered, Err(fault.clone()), "{name}");
                refusals.insert(fault.text);
            }
            None => {
                // Whatever else was refused needs accounts or vessels to judge, and has its own maker.
                if let Err(fault) = answered {
                    let needs_accounts = fault.code != 102
                        || fault == Fault::no_such_user()
                        || fault == Fault::malformed_public_key()
                        || fault == Fault::invalid_public_key()
                        || fault.text.starts_with("There is no vessel with")
                        || fault.text.starts_with("Invalid vesselhandle: ");
                    assert!(needs_accounts, "{name}: {fault}");
                }
            }
        }
    }
    assert!(!refusals.is_empty(), "no refusal was recorded");
}

#[test]
fn vector_faults_that_need_accounts_have_makers_with_the_recorded_words() {
    for (name, exchange) in exchanges() {
        let Ok(Err(fault)) = read_answer(&exchange.response_body()) else {
            continue;
        };
        let Ok(incoming) = server::parse(&exchange.request_body()) else {
            continue;
        };
        let Some(request) = as_request(incoming) else {
            continue;
        };
        let mut made = vec![
            Fault::authentication_failed(),
            Fault::no_such_user(),
            Fault::not_enough_credits(),
            Fault::malformed_public_key(),
            Fault::invalid_public_key(),
            Fault::internal(),
            Fault::nat_is_disabled(),
            Fault::unable_to_acquire(""),
        ];
        if let ClearinghouseRequest::WithApiKey { call, .. } = &request {
            match call {
                AccountCall::AcquireSpecificVessels(handles)
                | AccountCall::ReleaseResources(handles)
                | AccountCall::RenewResources(handles) => {
                    made.extend(
                        handles
                            .iter()
                            .map(|handle| match server::split_handle(handle) {
                                Ok((node, vessel)) => Fault::no_such_vessel(node, vessel),
                                Err(fault) => fault,
                            }),
                    );
                }
                AccountCall::AcquireResources { count, .. } => {
                    // The two numbers of the testbed are the recording's own.
                    let numbers: Vec<u16> = fault
                        .text
                        .split(|c: char| !c.is_ascii_digit())
                        .filter_map(|part| part.parse().ok())
                        .collect();
                    if let [_, port, networks] = numbers[..] {
                        made.push(Fault::too_few_networks(*count, port, networks.into()));
                    }
                }
                _ => {}
            }
        }
        assert!(made.contains(&fault), "{name}: {fault}");
    }
}

#[test]
fn vector_our_requests_are_those_of_the_originals_client() {
    let mut compared = 0;
    for (name, exchange) in exchanges() {
        if !exchange.is_post() {
            continue;
        }
        let body = exchange.request_body();
        let Some(request) = server::parse(&body).ok().and_then(as_request) else {
            continue;
        };
        let ours = request.to_xml();
        let (mut our_call, mut recorded) = (
            read_call(ours.as_bytes()).unwrap(),
            read_call(&body).unwrap(),
        );
        if recorded.0 == "_dispatch" {
            continue;
        }
        if request.method() == Method::AcquireSpecificVessels {
            name_each_once(&mut recorded.1);
            name_each_once(&mut our_call.1);
        }
        keep_known_members(&mut recorded.1);
        assert_eq!(our_call, recorded, "{name}");
        let whole = exchange.is_of_the_originals_client() && ours.len() == body.len();
        if whole {
            assert_eq!(ours.as_bytes(), body, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 0, "no request was the same byte for byte");
}

/// An acquisition names each vessel once, whatever the caller does.
fn name_each_once(parameters: &mut [RpcValue]) {
    if let Some(RpcValue::Array(handles)) = parameters.get_mut(1) {
        let mut once: Vec<RpcValue> = Vec::new();
        for handle in handles.drain(..) {
            if !once.contains(&handle) {
                once.push(handle);
            }
        }
        *handles = once;
    }
}

/// A recorded request may carry members that the server ignores, and `True` for 1; we send neither.
fn keep_known_members(parameters: &mut [RpcValue]) {
    for parameter in parameters {
        if let RpcValue::Struct(members) = parameter {
            let known = [
                "username",
                "api_key",
                "password",
                "rspec_type",
                "number_of_nodes",
            ];
            members.retain(|name, _| known.contains(&name.as_str()));
            if let Some(count) = members.get_mut("number_of_nodes")
                && *count == RpcValue::Boolean(true)
            {
                *count = RpcValue::Integer(1);
            }
        }
    }
}

/// Whole calls over TLS: our client against the recorded answers, our requests beside the recorded ones.
#[tokio::test]
async fn vector_our_client_and_the_recorded_server_understand_each_other() {
    let authority = Authority::new();
    let mut calls = Vec::new();
    for (name, exchange) in exchanges() {
        let body = exchange.request_body();
        let request = server::parse(&body).ok().and_then(as_request);
        let Some(request) = request.filter(|_| exchange.is_of_the_originals_client()) else {
            continue;
        };
        calls.push((name, request, body, exchange));
    }
    let answers = calls
        .iter()
        .map(|(.., exchange)| {
            Answer::Http(
                exchange.response_head().to_owned(),
                exchange.response_body(),
            )
        })
        // The recorded length is in the recorded head; the server adds the same once more.
        .map(|answer| match answer {
            Answer::Http(head, body) => {
                let head: Vec<&str> = head
                    .split("\r\n")
                    .filter(|line| !line.to_lowercase().starts_with("content-length"))
                    .collect();
                Answer::Http(head.join("\r\n"), body)
            }
            other => other,
        })
        .collect();
    let server = Server::start(Some(authority.server(&["localhost"], VALID)), answers).await;
    let client = client_for(&server.url(), &authority.pem_file())
        .build()
        .unwrap();
    let mut exact = 0;
    for (name, request, recorded, exchange) in calls {
        let result = carry_out(&client, &request).await;
        let heard = server.heard();
        // What our types cannot say (odd names, handles that are none) never leaves; the answer is unused.
        let Some(result) = result else {
            let ours = reqwest_once(&client, &request).await;
            assert_eq!(
                ours,
                read_answer(&exchange.response_body()).unwrap().err(),
                "{name}"
            );
            let _ = server.heard();
            continue;
        };
        assert_eq!(heard.len(), 1, "{name}");
        if heard[0].body == recorded {
            exact += 1;
        }
        match read_answer(&exchange.response_body()).unwrap() {
            Ok(_) => assert_eq!(result, None, "{name}"),
            Err(fault) => assert_eq!(result, Some(fault), "{name}"),
        }
    }
    assert!(
        exact > 0,
        "no request went out byte for byte as it was recorded"
    );
}

/// Sends a request as it is and gives back the fault, if that is the answer.
async fn reqwest_once(
    client: &crate::ClearinghouseClient,
    request: &ClearinghouseRequest,
) -> Option<Fault> {
    match client.call(request, |_| Ok(())).await {
        Ok(()) => None,
        Err(error) => Some(error.fault().unwrap_or_else(|| panic!("{error:?}")).clone()),
    }
}

/// Makes a recorded request through the typed API: no fault, a fault, or nothing the types can say.
async fn carry_out(
    client: &crate::ClearinghouseClient,
    request: &ClearinghouseRequest,
) -> Option<Option<Fault>> {
    fn outcome<T>(result: Result<T, crate::ClearinghouseCallError>) -> Option<Fault> {
        result
            .err()
            .map(|error| error.fault().unwrap_or_else(|| panic!("{error:?}")).clone())
    }
    let handles = |texts: &[String]| -> Option<Vec<overlord_types::Handle>> {
        texts.iter().map(|text| text.parse().ok()).collect()
    };
    Some(match request {
        ClearinghouseRequest::EncryptedApiKey { user } => {
            outcome(client.encrypted_api_key(&user.parse().ok()?).await)
        }
        ClearinghouseRequest::WithPassword {
            user,
            password,
            call,
        } => {
            let user = user.parse().ok()?;
            match call {
                crate::PasswordCall::RegenerateApiKey => {
                    outcome(client.regenerate_api_key(&user, password).await)
                }
                crate::PasswordCall::SetPublicKey(key) => {
                    outcome(client.set_public_key(&user, password, key).await)
                }
            }
        }
        ClearinghouseRequest::WithApiKey {
            user,
            api_key,
            call,
        } => {
            let account = client.with(Credentials {
                user: user.parse().ok()?,
                api_key: api_key.clone(),
            });
            match call {
                AccountCall::GetAccountInfo => outcome(account.account_info().await),
                AccountCall::GetPublicKey => outcome(account.public_key().await),
                AccountCall::GetResourceInfo => outcome(account.resource_info().await),
                AccountCall::AcquireResources { vessel_type, count } => {
                    outcome(account.acquire(*vessel_type, *count).await)
                }
                AccountCall::AcquireSpecificVessels(texts) => {
                    outcome(account.acquire_specific(&handles(texts)?).await)
                }
                AccountCall::ReleaseResources(texts) => {
                    outcome(account.release(&handles(texts)?).await)
                }
                AccountCall::RenewResources(texts) => {
                    outcome(account.renew(&handles(texts)?).await)
                }
            }
        }
    })
}

proptest! {
    /// Recorded bodies with some bytes changed, cut out or doubled.
    #[test]
    fn vector_damaged_documents_never_panic(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        length in 0_usize..40,
        replacement in proptest::collection::vec(any::<u8>(), 0..8),
    ) {
        let all = exchanges();
        let (_, exchange) = &all[which.index(all.len())];
        for mut body in [exchange.request_body(), exchange.response_body()] {
            if !body.is_empty() {
                let from = at.index(body.len());
                let to = (from + length).min(body.len());
                body.splice(from..to, replacement.clone());
            }
            let _ = server::parse(&body);
            if let Ok(Ok(value)) = read_answer(&body) {
                let _ = response::read_account(&value);
                let _ = response::read_vessels(&value);
                let _ = response::read_done(&value);
                let _ = response::read_text(value);
            }
        }
    }
}
