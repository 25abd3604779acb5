use super::*;

/// 2026-11-23T12:30:00Z.
const NOW: Timestamp = Timestamp(1_795_437_000 * Timestamp::SECOND);
const SETTINGS: Settings = Settings { seed: 7, rate: 20.0, days: 2 };

fn day(settings: Settings, ago: i64) -> Vec<CallRecord> {
    History::new(settings, Clock::at(NOW), &PriceTable::bundled()).day(ago)
}

#[test]
fn the_seed_decides_every_call() {
    let one = day(SETTINGS, 1);
    assert!(one.len() > 8_000, "{}", one.len());
    assert_eq!(one, day(SETTINGS, 1));
    assert_ne!(one, day(Settings { seed: 8, ..SETTINGS }, 1));
    assert_ne!(one, day(SETTINGS, 0));
    let ids: std::collections::HashSet<_> = one.iter().map(|call| (call.trace_id, call.span_id)).collect();
    assert_eq!(ids.len(), one.len());
}

#[test]
fn a_day_has_what_a_small_company_has() {
    let calls = day(SETTINGS, 1);
    let has = |what: &str, test: &dyn Fn(&CallRecord) -> bool| assert!(calls.iter().any(test), "no {what}");
    for provider in SERVICES.map(|service| service.provider) {
        has(provider, &|call| call.provider == provider);
    }
    has("stream", &|call| call.stream && call.first_chunk_ns.is_some_and(|first| first < call.duration_ns));
    has("tool loop", &|call| call.finish_reasons == ["tool_use"]);
    has("cached prompt", &|call| call.cache_read_tokens.is_some_and(|tokens| tokens > 0));
    has("rate limit", &|call| call.status_code == Some(429));
    has("server error", &|call| call.status_code == Some(500));
    has("price", &|call| call.cost.is_some_and(|cost| cost.0 > 0));
    assert!(calls.iter().all(|call| call.tags.get(crate::record::TagKey::of_static("demo")).is_none()));
    let mut hashes = HashMap::new();
    calls.iter().for_each(|call| *hashes.entry(&call.request_hash).or_insert(0) += 1);
    assert!(hashes.values().any(|calls| *calls > 1), "no retry");
    let mean = calls.iter().map(|call| call.duration_ns).sum::<i64>() / calls.len() as i64;
    assert!((1..20).contains(&(mean / Timestamp::SECOND)), "{mean} ns");
}

#[test]
fn every_anomaly_leaves_its_mark_on_the_last_day() {
    let calls = day(SETTINGS, 0);
    let tag = crate::record::TagKey::of_static("demo");
    for anomaly in anomalies::ALL {
        let window = anomaly.window(Clock::at(NOW));
        let marked = calls.iter().filter(|call| call.tags.get(tag) == Some(anomaly.label)).count();
        let ended = |call: &&CallRecord| {
            let end = Timestamp(call.start.0 + call.duration_ns);
            (anomaly.service.is_empty() || call.service == anomaly.service)
                && window.from <= end
                && end < window.to
        };
        match anomaly.effect {
            Effect::Skipped(..) => {}
            Effect::Lost => assert_eq!(calls.iter().filter(ended).count(), 0, "{}", anomaly.label),
            Effect::Silence => {
                let begun = |call: &&CallRecord| call.start >= window.from && call.tags.get(tag).is_none();
                assert_eq!(calls.iter().filter(ended).filter(begun).count(), 0, "{}", anomaly.label);
            }
            _ => assert!(marked > 2, "{}: {marked}", anomaly.label),
        }
    }
}
