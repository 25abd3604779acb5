use super::*;

fn facts(choices: u64, finished: &[u64]) -> ResponseFacts {
    let mut facts = ResponseFacts {
        usage: Usage { input_tokens: Some(1), ..Usage::default() },
        choices,
        ..ResponseFacts::default()
    };
    for choice in finished {
        facts.finish(*choice, "stop");
    }
    facts
}

#[test]
fn is_complete_without_an_end_marker_once_every_choice_has_a_reason() {
    assert!(facts(1, &[0]).complete());
    assert!(facts(2, &[1, 0]).complete());
    assert!(!facts(2, &[0]).complete(), "the second choice was cut");
    assert!(!facts(1, &[]).complete());
    assert!(ResponseFacts { ended: true, ..facts(2, &[0]) }.complete());
}

#[test]
fn waits_for_every_choice_that_was_asked_for() {
    let answered = |operation: Operation, n: Option<i64>, finished: &[u64]| {
        let mut call = Call {
            destination: Destination {
                provider: "p".into(),
                operation,
                api_type: None,
                openai: false,
                server_address: "h".into(),
                server_port: 443,
            },
            caller: Caller::default(),
            request: RequestFacts { choice_count: n, stream: true, ..RequestFacts::default() },
            request_hash: None,
            key_fingerprint: None,
            request_unparsed: false,
            request_bytes: 0,
            status_code: Some(200),
            response: facts(finished.len() as u64, finished),
            retrieval: Retrieval::Once,
            first_chunk: None,
            ending: Ending::End,
        };
        call.expect_choices();
        call.response
    };
    let asked = |n, finished: &[u64]| answered(Operation::Chat, n, finished);
    let cut = asked(Some(2), &[0]);
    assert!(!cut.complete(), "the second choice did not begin");
    assert_eq!(cut.finish_reasons(false), ["stop", "error"]);
    assert!(asked(Some(2), &[1, 0]).complete());
    assert!(asked(None, &[0]).complete());
    assert!(answered(Operation::GenerateContent, Some(2), &[0]).complete());
    assert!(asked(Some(i64::MIN), &[0]).complete() && asked(Some(0), &[0]).complete());
    assert!(ResponseFacts { ended: true, ..asked(Some(2), &[0]) }.complete());
    assert_eq!(asked(Some(2), &[]).finish_reasons(false), [] as [&str; 0], "an error before any choice");
    assert_eq!(asked(Some(i64::MAX), &[0]).finish_reasons(false).len() as u64, MAX_CHOICES);
}

#[test]
fn a_request_has_no_name_longer_than_names_are() {
    let long = || Some("é".repeat(2_000));
    let mut request = RequestFacts {
        model: long(),
        service_tier: long(),
        conversation_id: Some("short".to_owned()),
        stop_sequences: vec![format!("x{}", "é".repeat(2_000)); 1_000],
        ..RequestFacts::default()
    };
    request.bound();
    assert_eq!(request.model.map(|model| model.len()), Some(MAX_IDENTIFIER));
    assert_eq!(request.service_tier.map(|tier| tier.len()), Some(MAX_IDENTIFIER));
    assert_eq!(request.conversation_id.as_deref(), Some("short"));
    assert_eq!(request.stop_sequences.len(), MAX_LIST);
    assert!(request.stop_sequences.iter().all(|text| text.len() == MAX_IDENTIFIER - 1));
}

#[test]
fn keeps_no_finish_reason_that_is_no_identifier() {
    let mut facts = facts(1, &[]);
    facts.finish(0, &"x".repeat(2_000));
    assert!(facts.finish_reasons.is_empty());
}
