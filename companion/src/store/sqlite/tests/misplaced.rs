//! Pages whose checksums fit and that are not what was written there: zeros, another page, none.

use std::collections::BTreeMap;

use super::damaged::{filled, verified};
use super::*;

const SIZE: usize = 4096;

/// The numbers of all pages of each kind, by table.
fn pages(path: &Path, kind: &str) -> BTreeMap<String, Vec<usize>> {
    let plain = rusqlite::Connection::open(path).unwrap();
    let mut pages: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut statement = plain.prepare("SELECT name, pageno FROM dbstat WHERE pagetype = ?1").unwrap();
    let mut rows = statement.query([kind]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let number: i64 = row.get(1).unwrap();
        pages.entry(row.get(0).unwrap()).or_default().push(number as usize);
    }
    pages
}

fn page(bytes: &[u8], number: usize) -> &[u8] {
    &bytes[(number - 1) * SIZE..number * SIZE]
}

fn put(bytes: &[u8], number: usize, page: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[(number - 1) * SIZE..number * SIZE].copy_from_slice(page);
    changed
}

#[test]
fn a_page_of_zeros_is_named_with_what_it_held() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    filled(&path);
    let bytes = std::fs::read(&path).unwrap();
    let mut tried: Vec<(String, usize)> = vec![("the pointer map".to_owned(), 2)];
    let leaves = pages(&path, "leaf").into_iter().filter(|(_, pages)| pages.len() > 1);
    for (name, pages) in leaves.chain(pages(&path, "internal")) {
        tried.push((name, pages[pages.len() / 2]));
    }
    assert!(tried.len() > 5 && tried.iter().any(|(_, number)| *number == 1), "{tried:?}");
    for (name, number) in tried {
        std::fs::write(&path, put(&bytes, number, &[0; SIZE])).unwrap();
        let found = verified(&path);
        assert_eq!((found.damaged_pages, found.damaged.len()), (1, 1), "{name} {number}: {found:?}");
        let damaged = &found.damaged[0];
        assert_eq!((damaged.page, damaged.holds.as_deref()), (number as u64, Some(name.as_str())));
        if name == "calls" {
            assert!(
                damaged.from.is_none() || damaged.to.is_none() || damaged.from < damaged.to,
                "{damaged:?}"
            );
        }
    }
}

#[test]
fn a_page_of_zeros_in_no_use_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    filled(&path);
    let plain = rusqlite::Connection::open(&path).unwrap();
    let free = |name: &str| plain.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    drop(writer(&path));
    plain
        .execute_batch("CREATE TABLE more (a); INSERT INTO more VALUES (zeroblob(100000)); DROP TABLE more")
        .unwrap();
    assert!(free("freelist_count") > 10);
    let used: Vec<usize> = ["leaf", "internal", "overflow"]
        .iter()
        .flat_map(|kind| pages(&path, kind))
        .flat_map(|(_, pages)| pages)
        .collect();
    drop(plain);
    let mut bytes = std::fs::read(&path).unwrap();
    let trunk = u32::from_be_bytes(*bytes[32..].first_chunk().unwrap()) as usize;
    for number in (3..=bytes.len() / SIZE).filter(|number| !used.contains(number) && *number != trunk) {
        bytes = put(&bytes, number, &[0; SIZE]);
    }
    std::fs::write(&path, &bytes).unwrap();
    spanledger_page_checksums::seal(&path, SIZE).unwrap();
    let found = verified(&path);
    assert!(found.is_sound(), "{found:?}");
}

#[test]
fn pages_that_are_missing_at_the_end_are_counted_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    filled(&path);
    let bytes = std::fs::read(&path).unwrap();
    let all = bytes.len() / SIZE;
    let mut used = BTreeMap::new();
    for kind in ["leaf", "internal", "overflow"] {
        for (name, pages) in pages(&path, kind) {
            used.extend(pages.into_iter().map(|page| (page as u64, name.clone())));
        }
    }
    // The last bytes, one page, some, half.
    for left in [bytes.len() - 100, bytes.len() - SIZE, (all - 5) * SIZE, all / 2 * SIZE] {
        std::fs::write(&path, &bytes[..left]).unwrap();
        let found = verified(&path);
        let missing = (all - left / SIZE) as u64;
        assert_eq!((found.pages, found.missing_pages), ((left / SIZE) as u64, missing));
        assert_eq!((found.damaged_pages, found.damaged.len() as u64), (missing, missing));
        assert!(found.damaged.iter().zip(found.pages + 1..).all(|(damaged, page)| damaged.page == page));
        let wrong = found
            .damaged
            .iter()
            .filter(|damaged| damaged.holds.is_some() && damaged.holds.as_ref() != used.get(&damaged.page));
        assert_eq!(wrong.count(), 0, "{found:?}");
        assert!(found.damaged.iter().any(|damaged| damaged.holds.is_some()), "{found:?}");
    }
}

#[test]
fn pages_of_one_table_or_of_two_kinds_that_changed_places_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    filled(&path);
    let bytes = std::fs::read(&path).unwrap();
    let leaves = pages(&path, "leaf");
    // Two pages of one table, a page of rows and one of keys.
    let mut pairs: Vec<(usize, usize)> =
        leaves.values().filter(|pages| pages.len() > 1).map(|pages| (pages[0], pages[1])).collect();
    pairs.push((leaves["calls"][0], leaves["text_by_hash"][0]));
    assert!(pairs.len() > 5);
    for (one, other) in pairs {
        let copied = put(&bytes, one, page(&bytes, other));
        std::fs::write(&path, put(&copied, other, page(&bytes, one))).unwrap();
        let found = verified(&path);
        assert!(!found.is_sound(), "{one} {other}: {found:?}");
    }
    let copied = put(&bytes, leaves["calls"][0], page(&bytes, leaves["calls"][1]));
    std::fs::write(&path, copied).unwrap();
    assert!(!verified(&path).is_sound());
}
