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
        names.reverse();
        // The first and the last name say most.
        while names.len() > 2 && names.iter().map(|name| name.len() + 1).sum::<usize>() > MAX_PATH + 1 {
            names.remove(names.len() / 2);
        }
        let printable = |c: char| if c.is_ascii_graphic() { c } else { '?' };
        let dots = names.iter().enumerate().flat_map(|(index, name)| {
            let dot = if index == 0 { "" } else { "." };
            dot.chars().chain(name.chars())
        });
        dots.map(printable).take(MAX_PATH).collect()
    }
}
