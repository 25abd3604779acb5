//! The colours of the style sheet, by the measure of WCAG 2.2: 4.5 to 1 for text, 3 to 1 for what plots draw.

use std::collections::HashMap;

const STYLE: &str = include_str!("../../report/html/style.css");

/// The variables of each `:root` block, in order: light, dark, print.
fn schemes() -> Vec<HashMap<&'static str, &'static str>> {
    let variables = |block: &'static str| {
        block
            .split(';')
            .filter_map(|line| line.trim().split_once(": "))
            .filter_map(|(name, value)| Some((name.trim().strip_prefix("--")?, value.trim())))
            .collect()
    };
    STYLE.split(":root {").skip(1).map(|rest| variables(rest.split_once('}').unwrap().0)).collect()
}

fn luminance(colour: &str) -> f64 {
    let digits = u32::from_str_radix(&colour[1..7], 16).unwrap();
    let part = |shift: u32| {
        let value = f64::from(digits >> shift & 255) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_and_plots_stand_out_in_every_scheme() {
    let schemes = schemes();
    assert_eq!(schemes.len(), 3);
    for (scheme, name) in schemes.iter().zip(["light", "dark", "print"]) {
        let check = |ink: &str, ground: &str, least: f64| {
            let ratio = contrast(scheme[ink], scheme[ground]);
            assert!(ratio >= least, "{name}: {ink} on {ground} is {ratio:.2} to 1, not {least}");
        };
        for ground in ["page", "surface", "sunken"] {
            for ink in ["ink", "muted", "accent", "critical-ink"] {
                check(ink, ground, 4.5);
            }
        }
        for kind in ["critical", "warning", "info", "good"] {
            check(&format!("{kind}-ink"), &format!("{kind}-bg"), 4.5);
        }
        check("warning-ink", "surface", 4.5);
        for mark in ["ok", "other", "bad", "cost", "p50", "p95", "p99"] {
            check(mark, "surface", 3.0);
        }
    }
}
