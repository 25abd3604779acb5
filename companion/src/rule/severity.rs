use crate::text::text_enum::text_enum;

text_enum! {
    /// How urgent an alert is, least first.
    #[derive(Default, clap::ValueEnum)]
    pub enum Severity {
        /// Something to improve.
        #[default]
        Info = "info",
        /// To be looked at today.
        Warning = "warning",
        /// To be looked at now.
        Critical = "critical",
    }
}
