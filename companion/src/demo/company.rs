//! The small company of the demo: its services, its people, and the day that it lives by.

use fastrand::Rng;

use crate::record::{Timestamp, Window};

const HOUR: i64 = 3_600 * Timestamp::SECOND;
pub(super) const MINUTE: i64 = 60 * Timestamp::SECOND;
pub(super) const DAY: i64 = 24 * HOUR;

/// One service of the company.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) team: &'static str,
    pub(super) provider: &'static str,
    pub(super) host: &'static str,
    /// The fingerprint of its key.
    pub(super) key: &'static str,
    /// Models as requests and responses name them, each as often as the others.
    pub(super) models: &'static [(&'static str, &'static str)],
    /// Its share of the company's calls.
    share: f64,
    /// Whether it works in office hours alone.
    office: bool,
    /// Input and output tokens of a usual call.
    pub(super) tokens: (f64, f64),
    /// The part of the input that the provider's cache serves.
    pub(super) cached: f64,
    pub(super) streams: bool,
    /// Whether its calls are the steps of conversations with tools.
    pub(super) agent: bool,
    pub(super) users: &'static [&'static str],
}

/// The services, in no order that matters. Each has the wire format of its provider when it plays live.
pub(super) const SERVICES: [Service; 4] = [
    Service {
        name: "support-chat",
        team: "support",
        provider: "openai",
        host: "api.openai.com",
        key: "5d0c1f0e6a7b4c21",
        models: &[
            ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
            ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
            ("gpt-4o", "gpt-4o-2024-08-06"),
            ("gpt-4.1", "gpt-4.1-2025-04-14"),
        ],
        share: 0.4,
        office: false,
        tokens: (1_900.0, 260.0),
        cached: 0.45,
        streams: true,
        agent: false,
        users: &["ada", "alan", "barbara", "claude", "donald", "edsger", "frances", "grace", "hedy", "john"],
    },
    Service {
        name: "coding-agent",
        team: "platform",
        provider: "anthropic",
        host: "api.anthropic.com",
        key: "9b1e77c40d2f8a36",
        models: &[("claude-sonnet-4-5", "claude-sonnet-4-5-20250929")],
        share: 0.2,
        office: false,
        tokens: (9_000.0, 520.0),
        cached: 0.8,
        streams: true,
        agent: true,
        users: &["katherine", "ken", "lynn", "margaret", "radia"],
    },
    Service {
        name: "docs-search",
        team: "docs",
        provider: "gcp.gemini",
        host: "generativelanguage.googleapis.com",
        key: "27c9a85be01d4f63",
        models: &[
            ("gemini-2.5-flash", "gemini-2.5-flash"),
            ("gemini-2.5-flash", "gemini-2.5-flash"),
            ("gemini-2.5-pro", "gemini-2.5-pro"),
        ],
        share: 0.25,
        office: false,
        tokens: (3_200.0, 210.0),
        cached: 0.3,
        streams: false,
        agent: false,
        users: &["ada", "barbara", "frances", "leslie", "niklaus", "shafi", "tim", "vint"],
    },
    Service {
        name: "invoice-batch",
        team: "finance",
        provider: "openai",
        host: "api.openai.com",
        key: "e47d03b95c1a6f82",
        models: &[("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14")],
        share: 0.15,
        office: true,
        tokens: (2_600.0, 180.0),
        cached: 0.2,
        streams: false,
        agent: false,
        users: &["batch"],
    },
];

impl Service {
    /// Calls per minute at a minute of the day, of a company that makes `rate` in its busiest hours.
    pub(super) fn per_minute(&self, rate: f64, minute: i64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "minutes of a day")]
        let hour = minute.rem_euclid(1_440) as f64 / 60.0;
        let busy = match hour {
            _ if self.office => f64::from((8.0..18.0).contains(&hour)),
            hour if hour < 6.0 => 0.15,
            hour if hour < 10.0 => 0.15 + 0.85 * (hour - 6.0) / 4.0,
            hour if hour < 17.0 => 1.0,
            hour if hour < 23.0 => 1.0 - 0.85 * (hour - 17.0) / 6.0,
            _ => 0.15,
        };
        rate * self.share * busy
    }
}

/// The company's own clock. It is always late in the afternoon there, so that a demo shows a whole day at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// When its day began.
    pub(super) midnight: Timestamp,
    /// How many hours it is ahead of UTC.
    ahead: i64,
}

impl Clock {
    /// The hour that it is at the company.
    const NOW: i64 = 17;

    pub(super) const fn at(now: Timestamp) -> Self {
        let hour = now.0.rem_euclid(DAY) / HOUR;
        let ahead = (Self::NOW - hour + 12).rem_euclid(24) - 12;
        let local = now.0 + ahead * HOUR;
        Self { midnight: Timestamp(local - local.rem_euclid(DAY) - ahead * HOUR), ahead }
    }

    /// Its time zone by the name that configurations use, where the sign is that of POSIX.
    pub(super) fn zone(self) -> String {
        format!("Etc/GMT{}{}", if self.ahead > 0 { '-' } else { '+' }, self.ahead.abs())
    }

    /// A minute of its day; those of earlier days are negative.
    pub(super) const fn minute(self, minute: i64) -> Timestamp {
        Timestamp(self.midnight.0 + minute * MINUTE)
    }

    /// The minute of its day in which `at` is.
    pub(super) const fn minute_of(self, at: Timestamp) -> i64 {
        (at.0 - self.midnight.0).div_euclid(MINUTE)
    }

    /// The day that began so many days ago.
    pub(super) const fn day(self, ago: i64) -> Window {
        Window {
            from: Timestamp(self.midnight.0 - ago * DAY),
            to: Timestamp(self.midnight.0 - (ago - 1) * DAY),
        }
    }
}

/// Around `usual`, as sizes and times are: always above zero, now and then twice as much.
pub(super) fn around(random: &mut Rng, usual: f64, spread: f64) -> f64 {
    // The total of twelve is nearly normal, with a deviation of 1.
    let normal = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
    usual * (spread * normal).exp()
}

/// How many of independent events occur where `mean` are expected.
pub(super) fn poisson(random: &mut Rng, mean: f64) -> u32 {
    let (limit, mut product, mut events) = ((-mean.min(500.0)).exp(), 1.0, 0);
    loop {
        product *= random.f64();
        if product <= limit {
            return events;
        }
        events += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_late_in_the_afternoon_whatever_the_time() {
        for hour in 0..24 {
            let now = Timestamp(1_795_435_200 * Timestamp::SECOND + hour * HOUR + 7 * MINUTE);
            let clock = Clock::at(now);
            assert_eq!(clock.minute_of(now), 17 * 60 + 7, "{hour}");
            assert_eq!(clock.day(0).from, clock.midnight);
            let zone = jiff::tz::TimeZone::get(&clock.zone()).unwrap();
            let there = jiff::Timestamp::from_nanosecond(clock.midnight.0.into()).unwrap().to_zoned(zone);
            assert_eq!((there.hour(), there.minute()), (0, 0), "{}", clock.zone());
        }
    }

    #[test]
    fn as_many_events_occur_as_are_expected() {
        let mut random = Rng::with_seed(1);
        for mean in [0.0, 0.3, 4.0, 90.0] {
            let events: u32 = (0..2_000).map(|_| poisson(&mut random, mean)).sum();
            assert!((f64::from(events) / 2_000.0 - mean).abs() <= 0.1 * mean, "{mean}: {events}");
        }
        let around: f64 = (0..2_000).map(|_| around(&mut random, 100.0, 0.4)).sum::<f64>() / 2_000.0;
        assert!((95.0..125.0).contains(&around), "{around}");
    }
}
