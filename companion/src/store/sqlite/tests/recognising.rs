//! Another account of a response is recognised for minutes, however many calls came between, also after a restart.

use super::*;
use crate::record::Origin;

/// The account of the `number`th response that `service` gives; ten of them end per second.
fn account(number: u64, service: &str) -> CallRecord {
    let end = Timestamp(BASE.0 + number as i64 * 100_000_000);
    let identity = if service == "shop" { number } else { number + 1_000_000 };
    CallRecord {
        origin: Origin::ThirdParty,
        scope: service.to_owned(),
        service: service.to_owned(),
        response_id: Some(format!("resp-{number}")),
        ..ending_at(identity, end)
    }
}

#[test]
fn a_response_of_minutes_ago_is_recognised_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let limits = Limits { recent_accounts: 50, ..LIMITS };
    let open = || Ledger::open_writer(&path, &Options { limits, ..options() }).unwrap();
    let mut ledger = open();
    let calls: Vec<_> = (0..3_000).map(|number| account(number, "shop")).collect();
    for batch in calls.chunks(250) {
        assert_eq!(ledger.append(batch).unwrap().inserted, 250);
    }
    let counted = || totals(&path, ALL).calls;
    for number in [7, 1_500, 2_999] {
        ledger.append(&[account(number, "gateway")]).unwrap();
        assert_eq!(counted(), 3_000, "{number}");
    }
    drop(ledger);
    // Of the calls before the newest 50 the ids of 800 are read again.
    let mut ledger = open();
    for number in [2_300, 2_800, 2_990] {
        ledger.append(&[account(number, "gateway")]).unwrap();
        assert_eq!(counted(), 3_000, "{number} after a restart");
    }
    assert_sound(&path);
}
