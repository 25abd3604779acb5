//! The page as a reader meets it: a real browser, on a desk and on a phone, by keyboard and on paper.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::devtools::Browser;
use super::{MemoryStore, NOW, calls, ledger, router, rules, state};
use crate::report::tests::fixture::DAY;

/// One browser at a time: two of them starve each other on a small machine.
static ONE: Mutex<()> = Mutex::new(());

struct Site {
    address: String,
    _runtime: tokio::runtime::Runtime,
    _alone: MutexGuard<'static, ()>,
}

/// A browser and the page on a port of its own; `None` where there is no browser.
fn visit(ledger: MemoryStore) -> Option<(Browser, Site)> {
    let alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let browser = Browser::start()?;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(axum::serve(listener, router(state(ledger))).into_future());
    Some((browser, Site { address, _runtime: runtime, _alone: alone }))
}

/// Elements that are wider than their place, by what they say.
const TOO_WIDE: &str = "(() => {
    const wide = document.documentElement.scrollWidth - window.innerWidth;
    const clipped = [...document.querySelectorAll('.tiles dd, .tiles dt, .alerts span, h1, h2, h3, figcaption, .period, label')]
        .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map(e => e.textContent);
    return wide > 0 ? ['page by ' + wide].concat(clipped) : clipped;
})()";

/// Width and height that a PNG says it has.
fn size(png: &[u8]) -> (u32, u32) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
fn fits_every_screen_in_both_schemes_without_a_complaint() {
    let Some((mut browser, site)) = visit(ledger(&calls())) else { return };
    let mut grounds = Vec::new();
    for (name, path) in [
        ("report", "/"),
        ("calls", "/calls"),
        ("daily", "/daily"),
        ("rules", "/rules"),
        ("call", "/call/0000000000000007"),
        ("refusal", "/?last=soon"),
    ] {
        for (screen, width, height, scheme) in [
            ("desktop-light", 1280, 900, "light"),
            ("desktop-dark", 1280, 900, "dark"),
            ("tablet-light", 820, 1180, "light"),
            ("phone-light", 390, 844, "light"),
            ("phone-dark", 390, 844, "dark"),
            ("narrow-light", 320, 568, "light"),
        ] {
            browser.screen(width, height, scheme);
            browser.open(&format!("{}{path}", site.address));
            assert_eq!(browser.ask(TOO_WIDE), serde_json::json!([]), "{name} {screen}");
            let png = browser.screenshot(&format!("{name}-{screen}.png"));
            let scale = if width < 600 { 2 } else { 1 };
            let (shot_width, shot_height) = size(&png);
            assert_eq!(shot_width, width * scale, "{name} {screen}");
            assert!(shot_height >= height * scale && png.len() > 5000, "{name} {screen} is blank");
            grounds.push(browser.ask("getComputedStyle(document.body).backgroundColor").to_string());
            // A refusal is what the reader asked for; the browser logs its status.
            browser.complaints.retain(|text| !(name == "refusal" && text.contains("400")));
            assert_eq!(browser.complaints, Vec::<String>::new(), "{name} {screen}");
        }
    }
    grounds.sort();
    grounds.dedup();
    assert_eq!(grounds.len(), 2, "light and dark have their own ground");
}

/// What is seen before scrolling, in the size of a usual window.
#[test]
fn the_report_is_seen_at_first_sight() {
    let Some((mut browser, site)) = visit(ledger(&calls())) else { return };
    browser.screen(1280, 900, "light");
    browser.open(&site.address);
    let png = browser.first_sight("first-sight.png");
    assert_eq!(size(&png), (1280, 900));
    assert!(png.len() > 20_000, "blank");
}

#[test]
fn the_policy_stops_what_the_page_does_not_bring() {
    let Some((mut browser, site)) = visit(ledger(&calls())) else { return };
    browser.open(&site.address);
    browser.ask(
        "document.body.insertAdjacentHTML('beforeend', '<p id=late style=\"color:red\">x</p><img src=/metrics>'); 1",
    );
    assert!(browser.ask("getComputedStyle(document.getElementById('late')).color") != "rgb(255, 0, 0)");
    let about = |text: &str| browser.complaints.iter().any(|complaint| complaint.contains(text));
    assert!(about("inline style") && about("img-src"), "{:?}", browser.complaints);
}

#[test]
fn the_file_needs_nothing_but_itself() {
    let Some((mut browser, _site)) = visit(ledger(&[])) else { return };
    let report = crate::report::build(&ledger(&calls()), DAY, &rules(), NOW).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    std::fs::write(&path, crate::report::to_html(&report)).unwrap();
    browser.screen(1280, 900, "light");
    browser.open(&format!("file://{}", path.display()));
    browser.screenshot("file-desktop-light.png");
    browser.requests.retain(|url| !url.starts_with("data:"));
    assert_eq!(browser.requests.len(), 1, "{:?}", browser.requests);
    assert_eq!(browser.complaints, Vec::<String>::new());

    let pdf = browser.pdf("file.pdf");
    assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 20_000);
    browser.call("Emulation.setEmulatedMedia", serde_json::json!({"media": "print"}));
    assert_eq!(browser.ask("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)");
}

/// What has the focus, and whether that can be seen.
const FOCUS: &str = "(() => {
    const e = document.activeElement;
    if (e === document.body) return null;
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    return {
        at: [...document.querySelectorAll('*')].indexOf(e),
        is: e.tagName + ' ' + (e.textContent || e.name || '').trim().slice(0, 40),
        seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.bottom > 0,
    };
})()";

#[test]
fn every_control_is_reached_by_keyboard_in_the_order_of_the_page() {
    let Some((mut browser, site)) = visit(ledger(&calls())) else { return };
    browser.screen(1280, 900, "light");
    browser.open(&site.address);
    let controls = browser
        .ask(
            "[...document.querySelectorAll('a[href], button, summary, select, input:not([type=hidden]), [tabindex=\"0\"]')]
                .filter(e => e.checkVisibility()).length",
        )
        .as_u64()
        .unwrap();
    let mut order = Vec::new();
    // A field for a date and time takes a press for each of its parts.
    for _ in 0..controls + 40 {
        browser.press("Tab", 9);
        let focus = browser.ask(FOCUS);
        if focus.is_null() {
            break;
        }
        assert_eq!(focus["seen"], true, "{focus}");
        let at = focus["at"].as_u64().unwrap();
        if order.last().is_none_or(|(last, _)| *last != at) {
            order.push((at, focus["is"].as_str().unwrap().to_owned()));
        }
    }
    assert_eq!(order[0].1, "A Skip to the content");
    assert_eq!(order[1].1, "A Report");
    assert!(order.is_sorted_by_key(|(at, _)| *at), "{order:?}");
    assert_eq!(order.len() as u64, controls, "{order:?}");
}

#[test]
fn the_skip_link_and_the_folds_obey_enter() {
    let Some((mut browser, site)) = visit(ledger(&calls())) else { return };
    browser.screen(1280, 900, "light");
    browser.open(&site.address);
    browser.press("Tab", 9);
    browser.press("Enter", 13);
    assert_eq!(browser.ask("document.activeElement.id"), "main");
    // Links of the rules that fire come first.
    for _ in 0..20 {
        browser.press("Tab", 9);
        if browser.ask("document.activeElement.tagName") == "SUMMARY" {
            break;
        }
    }
    browser.press("Enter", 13);
    assert_eq!(browser.ask("document.activeElement.parentElement.open"), true);
}

#[test]
fn a_hostile_name_is_text_in_a_real_browser() {
    let Some((mut browser, site)) = visit(ledger(&calls())) else { return };
    browser.open(&site.address);
    assert_eq!(browser.ask("document.scripts.length"), 0);
    let name = browser.ask(
        "[...document.querySelectorAll('tbody th')].map(e => e.textContent.trim()).find(t => t.includes('alert'))",
    );
    assert_eq!(name, "<script>alert('x')</script>\\u{1b}[2J\\u{202e}\"&=cmd");
}
