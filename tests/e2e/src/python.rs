//! The Python of the tests, with the packages of `tests/tools/python.txt`.

use std::path::PathBuf;
use std::process::Command;

use crate::Result;

/// The interpreter that has `module`; `None` when there is none.
///
/// # Errors
/// When it is missing and `CI` is set: there a test that did not run must not look like one that passed.
pub fn python(module: &str) -> Result<Option<PathBuf>> {
    let python = std::env::var_os("SPANLEDGER_TEST_PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
    let found = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)";
    if Command::new(&python).args(["-c", found, module]).output().is_ok_and(|output| output.status.success())
    {
        return Ok(Some(python));
    }
    let missing = format!("the module {module} of tests/tools/python.txt is missing: run ./test");
    if std::env::var_os("CI").is_some() {
        return Err(missing.into());
    }
    eprintln!("not run: {missing}");
    Ok(None)
}
