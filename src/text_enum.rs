//! Enums whose values have one spelling each, in telemetry and everywhere else.

/// Declares an enum that is written as the values of `attribute`, with its list, its texts and its parser.
macro_rules! text_enum {
    (
        $(#[$about:meta])*
        pub enum $name:ident of $attribute:literal {
            $($(#[$variant_about:meta])* $variant:ident = $text:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_about])* $variant,)+
        }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            #[doc = concat!("The value of `", $attribute, "`.")]
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The one whose attribute value is `text`.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use text_enum;
