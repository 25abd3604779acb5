use std::process::Command;

use super::*;

const LEDGER: &str = "SPANLEDGER_TEST_EXPORT_LEDGER";
const DIE_AT: &str = "SPANLEDGER_TEST_DIE_AT";

/// The process that is killed.
#[test]
#[ignore = "started and killed by `a_killed_export_leaves_whole_files_only`"]
#[expect(clippy::disallowed_methods, reason = "the test that started this process names the ledger")]
fn exports_until_killed() {
    let Some(folder) = std::env::var_os(LEDGER) else { return };
    let folder = Path::new(&folder);
    let querier = Ledger::open_reader(&folder.join("ledger.db")).unwrap();
    export(&querier, &folder.join("export"), EVER);
}

#[test]
fn a_killed_export_leaves_whole_files_only() {
    for step in
        ["first row", "table written", "table compared", "manifest written", "table named", "manifest named"]
    {
        let ledger = TestLedger::with(&(0..50).map(call).collect::<Vec<_>>());
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "archive::tests::killed::exports_until_killed", "--ignored"])
            .env(LEDGER, ledger.folder.path())
            .env(DIE_AT, step)
            .output()
            .unwrap()
            .status;
        assert!(!status.success(), "{step}: it was not killed");
        // Under its own name a file is whole or not there.
        let visible: Vec<_> = names(&ledger.dir()).into_iter().filter(|name| !name.contains("/.")).collect();
        let whole: &[&str] = match step {
            "manifest named" => &["date=2025-06-15/calls-15.json", "date=2025-06-15/calls-15.parquet"],
            "table named" => &["date=2025-06-15/calls-15.parquet"],
            _ => &[],
        };
        assert_eq!(visible, whole, "{step}");
        for name in visible.iter().filter(|name| name.ends_with(".parquet")) {
            let reader = crate::archive::table_reader::TableReader::open(&ledger.dir().join(name)).unwrap();
            assert_eq!(reader.map(Result::unwrap).count(), 50, "{step}");
        }
        // The next run completes it; nothing is lost, twice or left over.
        let done = ledger.export();
        assert_eq!(done.written + done.known, 50, "{step}");
        assert_eq!(
            names(&ledger.dir()),
            ["date=2025-06-15/calls-15.json", "date=2025-06-15/calls-15.parquet"],
            "{step}"
        );
        let mut to = TestLedger::new();
        assert_eq!(to.import(&ledger.dir()).calls, 50, "{step}");
        assert_same(&ledger.querier, &to.querier, BASE.plus_seconds(3_600));
    }
}
