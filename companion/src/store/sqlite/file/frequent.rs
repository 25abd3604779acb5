//! The texts that most calls have, found by a comparison and without a hash: one call has some ten of them.

/// Places; one per text that comes often.
const PLACES: usize = 256;
/// Other texts that a place sees in a row before it takes one of them.
const PATIENCE: u8 = 8;

/// A value for some texts.
#[derive(Debug)]
pub(super) struct Frequent<T> {
    places: Vec<Option<Place<T>>>,
}

#[derive(Debug)]
struct Place<T> {
    text: String,
    value: T,
    /// Other texts since this one came.
    others: u8,
}

impl<T> Default for Frequent<T> {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| None).collect() }
    }
}

impl<T: Copy> Frequent<T> {
    pub(super) fn clear(&mut self) {
        self.places.fill_with(|| None);
    }

    /// The value of `text`, if it is one of those that come often.
    pub(super) fn get(&mut self, text: &str) -> Option<T> {
        let place = self.places.get_mut(place_of(text))?.as_mut()?;
        if place.text == text {
            place.others = 0;
            return Some(place.value);
        }
        place.others = place.others.saturating_add(1);
        None
    }

    /// Remembers the value of a text that was not found, if there is a place for it.
    pub(super) fn insert(&mut self, text: &str, value: T) {
        let Some(place) = self.places.get_mut(place_of(text)) else { return };
        if place.as_ref().is_none_or(|place| place.text == text || place.others >= PATIENCE) {
            *place = Some(Place { text: text.to_owned(), value, others: 0 });
        }
    }
}

/// Texts of one place are distinguished by comparing them, so this may be cheap and need not be fair.
fn place_of(text: &str) -> usize {
    let bytes = text.as_bytes();
    let at = |index: usize| usize::from(bytes.get(index).copied().unwrap_or(0));
    let length = bytes.len();
    (length * 31 + at(0) * 7 + at(length / 2) * 13 + at(length.wrapping_sub(1)) * 17) % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_comes_often_and_gives_way_to_what_comes_instead() {
        let mut frequent = Frequent::default();
        frequent.insert("gpt-4o", 1);
        // The same length, first, middle and last byte.
        let other = "gXt-Xo";
        for _ in 0..PATIENCE {
            assert_eq!(frequent.get(other), None);
            frequent.insert(other, 2);
            assert_eq!(frequent.get("gpt-4o"), Some(1));
        }
        for _ in 0..PATIENCE {
            assert_eq!(frequent.get(other), None);
        }
        frequent.insert(other, 2);
        assert_eq!((frequent.get(other), frequent.get("gpt-4o")), (Some(2), None));
        frequent.clear();
        assert_eq!(frequent.get(other), None);
        assert_eq!(frequent.get(""), None);
    }
}
