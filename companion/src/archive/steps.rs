//! Where a process may die while it writes: tests kill it at each of these steps.

/// Notes that a step is done.
#[cfg(not(test))]
pub(super) const fn done(_step: &str) {}

/// As above; the process dies there when it was asked to.
#[cfg(test)]
pub(super) fn done(step: &str) {
    #[expect(clippy::disallowed_methods, reason = "the test that started this process names the step")]
    if std::env::var("SPANLEDGER_TEST_DIE_AT").is_ok_and(|at| at == step) {
        std::process::abort();
    }
}
