//! The runbook as a page, so that the link of an alert works wherever the companion runs.

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Event, Parser, Tag, TagEnd, html::push_html};

/// `alerts/runbook.md` of the repository.
const TEXT: &str = include_str!("../../runbook.md");

/// The text. The id of a section is its heading in lower case, as the links of alerts name it.
pub(super) fn text() -> Markup {
    html! { article.prose { (PreEscaped(rendered(TEXT))) } }
}

fn rendered(markdown: &str) -> String {
    let mut events: Vec<Event<'_>> = Parser::new(markdown).collect();
    // Links to other files of the repository, which are not served here, become plain text.
    let mut elsewhere = false;
    events.retain(|event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => {
            elsewhere = !dest_url.starts_with('#');
            !elsewhere
        }
        Event::End(TagEnd::Link) => !std::mem::take(&mut elsewhere),
        _ => true,
    });
    for index in 1..events.len() {
        let Event::Text(text) = &events[index] else { continue };
        let name = text.to_lowercase().replace(' ', "-");
        if let Event::Start(Tag::Heading { id, .. }) = &mut events[index - 1] {
            *id = Some(name.into());
        }
    }
    let mut out = String::new();
    push_html(&mut out, events.into_iter());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RuleName;

    #[test]
    fn every_rule_has_a_section_that_a_link_finds() {
        let page = text().into_string();
        for name in RuleName::ALL.map(RuleName::as_str) {
            assert!(page.contains(&format!("<h2 id=\"{}\">{name}</h2>", name.to_lowercase())), "{name}");
        }
        assert!(!page.contains("spanledger.rules.yml\""), "a link leads to a file that is not served");
    }
}
