//! Spans that one sender makes up about another's calls.

use super::*;
use crate::record::Origin;
use crate::store::identity::Groups;

fn third_party(id: u64, service: &str, parent: Option<[u8; 8]>) -> CallRecord {
    CallRecord {
        service: service.into(),
        origin: Origin::ThirdParty,
        scope: format!("scope of {service}"),
        parent_span_id: parent,
        trace_id: [7; 16],
        request_hash: None,
        sequence: None,
        input_tokens: Some(id * 10),
        ..ending_at(id, BASE)
    }
}

/// What the shop's calls are counted as, when these other spans came before or after its own.
fn of_shop(groups: &Groups, own: &CallRecord, forged: &[CallRecord], first: bool) -> Totals {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = Ledger::open_writer(&path, &Options { groups: groups.clone(), ..options() }).unwrap();
    let own = std::slice::from_ref(own);
    for batch in if first { [forged, own] } else { [own, forged] } {
        ledger.append(batch).unwrap();
    }
    drop(ledger);
    // What is remembered after a restart judges as before.
    let mut ledger = Ledger::open_writer(&path, &Options { groups: groups.clone(), ..options() }).unwrap();
    ledger.append(forged).unwrap();
    let shop = Filter { service: Some("shop".into()), ..Filter::default() };
    reader(&path).unwrap().totals(ALL, &shop).unwrap()
}

#[test]
fn spans_of_another_sender_change_no_call() {
    let apart = Groups::of([vec!["shop"], vec!["chat"]]);
    let together = Groups::of([vec!["shop"], vec!["chat", "shop"]]);
    let own = CallRecord { response_id: Some("answer 1".into()), ..third_party(5, "shop", Some([9; 8])) };
    let right = of_shop(&apart, &own, &[], false);
    assert_eq!(right.calls, 1);

    let child = third_party(900, "chat", Some(own.span_id));
    let parent = CallRecord { span_id: [9; 8], ..third_party(901, "chat", None) };
    let same_ids = CallRecord { span_id: own.span_id, ..third_party(902, "chat", None) };
    let same_response = CallRecord {
        response_id: own.response_id.clone(),
        trace_id: [8; 16],
        ..third_party(5, "chat", None)
    };
    let witness = CallRecord { origin: Origin::Witness, ..third_party(903, "chat", Some(own.span_id)) };
    let flood: Vec<_> = (1_000..1_200).map(|id| third_party(id, "chat", Some(own.span_id))).collect();
    for (name, forged) in [
        ("child", vec![child.clone()]),
        ("parent", vec![parent]),
        ("same ids", vec![same_ids]),
        ("same response", vec![same_response]),
        ("witness", vec![witness]),
        ("flood", flood),
    ] {
        for first in [false, true] {
            assert_eq!(of_shop(&apart, &own, &forged, first), right, "{name}, first: {first}");
        }
    }
    // One that may describe the shop's calls is believed.
    assert_ne!(of_shop(&together, &own, std::slice::from_ref(&child), false), right);
    assert_ne!(of_shop(&Groups::default(), &own, &[child], false), right);
}

#[test]
fn a_client_that_another_sender_makes_up_takes_no_witness_out_of_the_totals() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let groups = Groups::of([vec!["shop"], vec!["chat"]]);
    let mut ledger = Ledger::open_writer(&path, &Options { groups, ..options() }).unwrap();
    let witness = CallRecord { origin: Origin::Witness, ..third_party(5, "shop", None) };
    ledger.append(&[witness, third_party(6, "chat", None)]).unwrap();
    while ledger.maintain(BASE.plus_seconds(3 * 3_600)).unwrap().more {}
    let shop = Filter { service: Some("shop".into()), ..Filter::default() };
    assert_eq!(reader(&path).unwrap().totals(ALL, &shop).unwrap().calls, 1);
}
