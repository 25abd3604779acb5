//! The real binary on ports the system chose, with real senders.

mod serve {
    pub(crate) mod process;

    mod acknowledged;
    mod entrances;
    mod import;
    mod lifecycle;
    mod limits;
    mod senders;
    mod tls;
}
