//! Shared strings: the same namespace, node or image stands in thousands of rows and is kept once per feed.

use std::collections::HashSet;

use crate::domain::Text;
use crate::domain::text::clean;

/// A pool of shared strings. Strings that no row uses any more are let go when the pool has doubled.
#[derive(Default)]
pub struct Interner {
    pool: HashSet<Text>,
    sweep_at: usize,
}

impl Interner {
    /// The shared, cleaned form of `text`.
    pub fn text(&mut self, text: &str) -> Text {
        let text = clean(text);
        if let Some(known) = self.pool.get(text.as_ref()) {
            return known.clone();
        }
        if self.pool.len() >= self.sweep_at.max(1024) {
            self.pool.retain(|text| Text::strong_count(text) > 1);
            self.sweep_at = self.pool.len() * 2;
        }
        let text = Text::from(text);
        self.pool.insert(text.clone());
        text
    }

    /// As [`Self::text`], with nothing for an empty string.
    pub fn non_empty(&mut self, text: Option<&str>) -> Option<Text> {
        text.filter(|text| !text.is_empty()).map(|text| self.text(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_allocation_and_unused_ones_go() {
        let mut pool = Interner::default();
        let first = pool.text("node-1");
        assert!(Text::ptr_eq(&first, &pool.text("node-1")));
        assert_eq!(&*pool.text("a\u{1b}[31mb"), "ab");
        for n in 0..5000 {
            pool.text(&format!("gone-{n}"));
        }
        assert!(pool.pool.len() < 2100, "{}", pool.pool.len());
        assert!(Text::ptr_eq(&first, &pool.text("node-1")));
    }
}
