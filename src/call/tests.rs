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
fn keeps_no_finish_reason_that_is_no_identifier() {
    let mut facts = facts(1, &[]);
    facts.finish(0, &"x".repeat(2_000));
    assert!(facts.finish_reasons.is_empty());
}
