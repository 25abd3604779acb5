use crate::store::Dimension;
use crate::text::text_enum::text_enum;

text_enum! {
    /// What calls are judged apart by.
    pub enum By {
        /// `service.name`.
        Service = "service",
        /// `user.id`.
        User = "user",
        /// The model that answered, else the one asked for.
        Model = "model",
    }
}

impl By {
    pub(super) const fn dimension(self) -> Dimension {
        match self {
            Self::Service => Dimension::Service,
            Self::User => Dimension::User,
            Self::Model => Dimension::Model,
        }
    }
}
