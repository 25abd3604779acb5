use crate::text::text_enum::text_enum;

text_enum! {
    /// When calls are expected.
    pub(crate) enum Expected {
        /// When the past makes them likely.
        Learned = "learned",
        /// At any time.
        Always = "always",
        /// In the `working_hours` of the rules.
        WorkingHours = "working hours",
    }
}
