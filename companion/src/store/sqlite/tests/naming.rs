//! Names without end: totals are kept apart by a bounded number of them, and a call costs the same whatever it brings.

use std::collections::BTreeSet;

use super::*;
use crate::store::Group;
use crate::store::conformance::records;

const FEW: Limits = Limits { names: 20, series: 50, users: 10, instances: 50, ..LIMITS };

fn open(path: &Path) -> SqliteAppender {
    Ledger::open_writer(path, &Options { limits: FEW, ..Options::default() }).unwrap()
}

fn groups(path: &Path, by: Dimension) -> Vec<Group> {
    reader(path).unwrap().breakdown(ALL, &Filter::default(), by, 1_000).unwrap()
}

fn named(number: u64) -> CallRecord {
    CallRecord {
        service: format!("service {number}"),
        provider: format!("provider {number}"),
        request_model: Some(format!("model {number}")),
        response_model: Some(format!("model {number}")),
        error_kind: Some(format!("code {number}")),
        error_type: Some(format!("code {number}")),
        user: Some(format!("user {number}")),
        ..call(number)
    }
}

#[test]
fn totals_are_kept_apart_by_so_many_names_and_the_others_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    let calls: Vec<_> = (0..300).map(named).collect();
    let mut others = [0; 7];
    for batch in calls.chunks(50) {
        let appended = ledger.append(batch).unwrap();
        others.iter_mut().zip(appended.others).for_each(|(all, more)| *all += more);
    }
    for (dimension, by) in
        [Dimension::Service, Dimension::Provider, Dimension::Model, Dimension::Error].into_iter().enumerate()
    {
        let groups = groups(&path, by);
        assert_eq!(groups.len(), 21, "{by:?}");
        let other = groups.iter().find(|group| group.name == "_OTHER").unwrap();
        assert_eq!((other.totals.calls, others[dimension]), (280, 280), "{by:?}");
    }
    // The calls keep what they asked for and their own type.
    let kept = all_calls(&path);
    assert_eq!(kept.len(), 300);
    assert!((0..300).all(|number| kept.iter().any(|call| {
        call.request_model.as_deref() == Some(&format!("model {number}"))
            && call.error_type.as_deref() == Some(&format!("code {number}"))
    })));
    assert_eq!(totals(&path, ALL), expected::totals(&calls, ALL, &Filter::default()));
    // A known name stays apart, and of new ones only a tenth more get in per day, also after a restart.
    drop(ledger);
    let mut ledger = open(&path);
    assert_eq!(ledger.append(&[CallRecord { trace_id: [7; 16], ..named(3) }]).unwrap().others, [0; 7]);
    let next: Vec<_> = (400..420).map(named).collect();
    assert_eq!(ledger.append(&next).unwrap().others, [18, 18, 18, 18, 0, 0, 0]);
}

#[test]
fn combinations_of_few_names_are_bounded_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    let calls: Vec<_> = (0..400)
        .map(|number| CallRecord {
            service: format!("service {}", number % 20),
            response_model: Some(format!("model {}", number / 20)),
            ..call(number)
        })
        .collect();
    ledger.append(&calls).unwrap();
    let series: i64 =
        ledger.connection.query_row("SELECT count(*) FROM series", [], |row| row.get(0)).unwrap();
    assert!(series <= 50 + 20, "{series}");
    assert_eq!(totals(&path, ALL).calls, 400);
    assert_eq!(groups(&path, Dimension::Service).len(), 20);
}

#[test]
fn users_with_most_calls_are_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    let mut calls: Vec<_> = (0..100).map(named).collect();
    calls.extend((100..105).map(|number| CallRecord { user: Some("heavy".into()), ..named(number) }));
    ledger.append(&calls).unwrap();
    while ledger.maintain(BASE.plus_seconds(7_200)).unwrap().more {}
    let users = groups(&path, Dimension::User);
    assert!((10..=11).contains(&users.len()), "{users:?}");
    assert_eq!(users.iter().map(|user| user.totals.calls).sum::<u64>(), 105);
    let heavy = users.iter().find(|user| user.name == "heavy").unwrap();
    assert_eq!(heavy.totals.calls, 5);
    // How many calls are of the others is counted, and known with the next append.
    assert_eq!(ledger.append(&[named(200)]).unwrap().others[5], 91);
}

#[test]
fn keys_and_instances_beyond_their_bound_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    let keyed = |number: u64| CallRecord {
        key_fingerprint: Some(format!("{number:08x}")),
        instance: Some(format!("i{number}")),
        sequence: Some(1),
        ..call(number)
    };
    let appended = ledger.append(&(0..1_100).map(keyed).collect::<Vec<_>>()).unwrap();
    assert_eq!(appended.others, [0, 0, 0, 0, 0, 0, 100]);
    assert_eq!(ledger.maintain(BASE.plus_seconds(5_000)).unwrap().forgotten_instances, 1_050);
    let instances: i64 =
        ledger.connection.query_row("SELECT count(*) FROM instance", [], |row| row.get(0)).unwrap();
    assert_eq!(instances, 50);
}

#[test]
fn an_instance_that_was_to_be_forgotten_stays_when_it_makes_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    let numbered = |instance: u64, sequence: u64| CallRecord {
        instance: Some(format!("i{instance}")),
        sequence: Some(sequence),
        ..ending_at(instance + 100 * sequence, BASE.plus_seconds((instance + 100 * sequence).cast_signed()))
    };
    let mut append = |calls: &[CallRecord]| {
        ledger.append(calls).unwrap();
        ledger.maintain(BASE.plus_seconds(5_000)).unwrap().forgotten_instances
    };
    let firsts = |instances: std::ops::Range<u64>| instances.map(|instance| numbered(instance, 1));
    assert_eq!(append(&firsts(0..60).collect::<Vec<_>>()), 10);
    // The next five were chosen with those.
    assert_eq!(append(&firsts(60..65).chain([numbered(11, 2)]).collect::<Vec<_>>()), 5);
    assert_eq!(append(&firsts(65..80).collect::<Vec<_>>()), 15);
    let mut names = file(&path)
        .prepare("SELECT name FROM instance")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<BTreeSet<String>, _>>()
        .unwrap();
    assert!(names.remove("i11"));
    assert_eq!(names, (31..80).map(|instance| format!("i{instance}")).collect());
}

#[test]
fn a_flood_of_instances_erases_no_evidence_of_other_services_and_makes_none_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    let numbered = |service: &str, instance: String, sequence: u64, number: u64| CallRecord {
        service: service.into(),
        instance: Some(instance),
        sequence: Some(sequence),
        ..ending_at(number, BASE.plus_seconds(number.cast_signed()))
    };
    let victim = |sequence, number| numbered("victim", "v".into(), sequence, number);
    ledger.append(&[victim(1, 1), victim(39, 2)]).unwrap();
    for batch in 0..10 {
        let flood: Vec<_> = (0..100)
            .map(|each| batch * 100 + each)
            .map(|each| numbered("flood", format!("f{each}"), 1, 1_000 + each))
            .collect();
        ledger.append(&flood).unwrap();
        while ledger.maintain(BASE.plus_seconds(5_000)).unwrap().more {}
    }
    ledger.append(&[victim(40, 6_000), numbered("flood", "f1".into(), 5_047, 6_001)]).unwrap();
    let found = reader(&path).unwrap().sequence_gaps(ALL, ALL.to, &Filter::default(), 10).unwrap();
    let found: Vec<_> = found.newest.iter().map(|gap| (gap.instance.as_str(), gap.first, gap.last)).collect();
    assert_eq!(found, [("v", 2, 38)]);
}

/// Work per call, in steps of the database's machine, when every call brings new names.
#[test]
fn a_call_costs_the_same_whatever_names_come_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    let mut took = Vec::new();
    for quarter in 0..4_u64 {
        let calls: Vec<_> = (quarter * 3_000..(quarter + 1) * 3_000)
            .map(|number| CallRecord {
                response_model: Some("one".into()),
                request_model: None,
                ..named(number)
            })
            .collect();
        let before = std::time::Instant::now();
        for batch in calls.chunks(500) {
            ledger.append(batch).unwrap();
        }
        took.push(before.elapsed().as_secs_f64());
    }
    // Quadratic, the last quarter takes seven times the first.
    assert!(took[3] < 4.0 * took[0], "{took:?}");
}

const TEAM: Dimension = Dimension::Tag(expected::TEAM);

#[test]
fn a_tag_with_a_value_per_call_costs_neither_other_tags_nor_models_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    let request = |number: u64| CallRecord {
        tags: records::tags(&[
            ("request", &format!("id {number}")),
            ("team", if number.is_multiple_of(2) { "a" } else { "b" }),
        ]),
        ..call(number)
    };
    let calls: Vec<_> = (0..300).map(request).collect();
    let appended = ledger.append(&calls).unwrap();
    assert_eq!(appended.others[4], 280);
    assert_eq!(groups(&path, TEAM), expected::breakdown(&calls, ALL, &Filter::default(), TEAM, 10));
    let by_request = groups(&path, Dimension::Tag(crate::record::TagKey::of_static("request")));
    assert_eq!(by_request.len(), 21, "20 values and the others");
    // Each call keeps its own tags, and what is counted is found by a filter.
    let kept = all_calls(&path);
    assert!(calls.iter().all(|call| kept.contains(call)));
    // A restart remembers the values.
    drop(ledger);
    let mut ledger = open(&path);
    let again = [CallRecord { trace_id: [9; 16], ..request(3) }, request(400), request(401), request(402)];
    assert_eq!(ledger.append(&again).unwrap().others[4], 1, "two more per day");
    // Owners beyond the bound of series are not kept apart; models are.
    let team = |number: u64| CallRecord {
        tags: records::tags(&[("team", ["a", "b"][usize::try_from(number % 2).unwrap()])]),
        request_model: Some(format!("model {}", number / 2)),
        response_model: Some(format!("model {}", number / 2)),
        ..call(1_000 + number)
    };
    let many: Vec<_> = (0..40).map(team).collect();
    ledger.append(&many).unwrap();
    let models = groups(&path, Dimension::Model);
    assert!(models.iter().any(|group| group.name == "model 18"), "{models:?}");
    let series: i64 =
        ledger.connection.query_row("SELECT count(*) FROM series", [], |row| row.get(0)).unwrap();
    assert!(series <= 2 * 50 + 10, "{series} series");
}

#[test]
fn keys_of_tags_beyond_the_sixteenth_are_kept_and_not_added_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    let calls: Vec<_> = (0..20)
        .map(|number| CallRecord { tags: records::tags(&[(&format!("k{number:02}"), "v")]), ..call(number) })
        .collect();
    assert_eq!(ledger.append(&calls).unwrap().others, [0, 0, 0, 0, 4, 0, 0]);
    let keys = reader(&path).unwrap().tag_keys().unwrap();
    assert_eq!(
        keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
        (0..16).map(|n| format!("k{n:02}")).collect::<Vec<_>>()
    );
    assert!(all_calls(&path).iter().all(|call| !call.tags.is_empty()));
}

#[test]
fn the_environment_is_kept_apart_whatever_other_tags_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path);
    let keys: Vec<_> = (0..16)
        .map(|number| CallRecord { tags: records::tags(&[(&format!("k{number:02}"), "v")]), ..call(number) })
        .collect();
    assert_eq!(ledger.append(&keys).unwrap().others, [0; 7]);
    let first = CallRecord { tags: records::tags(&[("environment", "prod")]), ..call(100) };
    assert_eq!(ledger.append(std::slice::from_ref(&first)).unwrap().others, [0; 7]);
    // More combinations of tags than are kept apart: they are counted under their environment.
    let many: Vec<_> = (0..60)
        .map(|number| CallRecord {
            tags: records::tags(&[
                ("environment", "prod"),
                ("k00", &(number % 8).to_string()),
                ("k01", &(number / 8).to_string()),
            ]),
            ..call(200 + number)
        })
        .collect();
    let folded = ledger.append(&many).unwrap().others[4];
    assert!(folded > 0);
    let environment = Dimension::Tag(crate::record::ENVIRONMENT);
    let found = groups(&path, environment);
    assert_eq!(
        found.iter().map(|group| (&*group.name, group.totals.calls)).collect::<Vec<_>>(),
        [("prod", 61)]
    );
}

#[test]
fn names_are_found_before_and_after_they_move_to_the_index() {
    const NAMES: u64 = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let named =
        |number: u64, name: u64| CallRecord { operation: format!("operation {name}"), ..call(number) };
    let counts = || -> (i64, i64, i64) {
        let of = |sql: &str| file(&path).query_row(sql, [], |row| row.get(0)).unwrap();
        (
            of("SELECT count(*) FROM text WHERE id > (SELECT value FROM state WHERE name = 'texts_indexed')"),
            of("SELECT count(*) FROM text_by_hash"),
            of("SELECT count(*) FROM text_by_hash JOIN text USING (id, hash)"),
        )
    };
    for names in [0..5_000, 5_000..10_000, 10_000..15_000, 15_000..NAMES] {
        let calls: Vec<_> = names.clone().map(|name| named(name, name)).collect();
        writer(&path).append(&calls).unwrap();
        let (young, all, right) = counts();
        assert_eq!((young == 0, all == 0, all), (names.end == NAMES, names.end < NAMES, right));
        // Another writer remembers none of them.
        let again: Vec<_> = names.map(|name| named(NAMES + name, name)).collect();
        assert_eq!(writer(&path).append(&again).unwrap().inserted, 5_000);
        assert_eq!(counts(), (young, all, right));
    }
    assert_sound(&path);
}
