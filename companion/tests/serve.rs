//! The real binary on ports the system chose, with real senders.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start threads and tasks, and read clocks and the environment"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod serve {
    pub(crate) mod process;

    mod acknowledged;
    #[cfg(target_os = "linux")]
    mod clumsy;
    #[cfg(target_os = "linux")]
    mod combined;
    mod config_secrets;
    mod damaged;
    mod documented;
    mod entrances;
    mod export;
    #[cfg(target_os = "linux")]
    mod full;
    #[cfg(unix)]
    mod gone;
    mod import;
    mod journal;
    #[cfg(target_os = "linux")]
    mod leaps;
    mod lifecycle;
    mod limits;
    mod memory;
    mod other_programs;
    mod parquet;
    #[cfg(target_os = "linux")]
    mod queries;
    mod secrets;
    mod senders;
    mod signals;
    mod terminals;
    mod tls;
    mod tokens;
}
