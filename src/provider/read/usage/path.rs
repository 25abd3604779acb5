//! Where a member is: names joined by dots, as in `usage.iterations.model`.

use crate::coverage::MAX_PATH;

/// A name below its parents. Kept on the stack, so that a path costs nothing until it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<'p> {
    pub(super) parent: Option<&'p Path<'p>>,
    pub(super) name: &'p str,
}

impl Path<'_> {
    /// At most 64 bytes of printable ASCII; names come from outside.
    pub(super) fn written(&self) -> String {
        let mut names = Vec::new();
        let mut at = Some(self);
        while let Some(path) = at {
            names.push(path.name);
            at = path.parent;
        }
        let mut text = String::new();
        for (index, name) in names.iter().rev().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            let printable = |c: char| if c.is_ascii_graphic() { c } else { '?' };
            text.extend(dot.chars().chain(name.chars().take(MAX_PATH)).map(printable));
            if text.len() >= MAX_PATH {
                break;
            }
        }
        text.truncate(MAX_PATH);
        text
    }
}
