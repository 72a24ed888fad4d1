//! Conversions from and to text that the values share.

mod decimal;

pub(crate) use decimal::Decimal;

/// An error which can be returned when parsing a value. Its text says what the value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub(crate) &'static str);

/// Implements `FromStr` and `TryFrom<&str>` by a parse function.
macro_rules! read_from_text {
    ($type:ty, $error:ty, $read:expr) => {
        impl std::str::FromStr for $type {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                ($read)(text)
            }
        }

        impl TryFrom<&str> for $type {
            type Error = $error;

            fn try_from(text: &str) -> Result<Self, $error> {
                ($read)(text)
            }
        }
    };
}

/// Implements a value that is kept as text. `$read` checks a text.
macro_rules! text_value {
    ($type:ty, $read:expr) => {
        impl $type {
            /// Parses a value.
            ///
            /// # Errors
            /// [`ParseError`](crate::ParseError) if the text is not one.
            pub fn parse(text: &str) -> Result<Self, crate::ParseError> {
                ($read)(text).map(|text: &str| Self(text.into()))
            }

            /// Returns the value as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        crate::text::read_from_text!($type, crate::ParseError, <$type>::parse);
        crate::text::serialize_as_text!($type);
    };
}

/// Implements an enum whose values have names. `$must` says which.
macro_rules! named_values {
    ($type:ty, $must:literal, [$($variant:ident = $name:literal),+]) => {
        impl $type {
            /// All values.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            #[doc = concat!("Parses a value, which ", $must, ".")]
            ///
            /// # Errors
            /// [`ParseError`](crate::ParseError) for any other text.
            pub fn parse(text: &str) -> Result<Self, crate::ParseError> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(crate::ParseError($must)),
                }
            }

            /// Returns the name of the value.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        crate::text::read_from_text!($type, crate::ParseError, <$type>::parse);
        crate::text::serialize_as_text!($type);
    };
}

/// Implements an id that is generated: a prefix and 16 lower-case hexadecimal digits.
macro_rules! random_id {
    ($type:ty, $prefix:literal) => {
        impl $type {
            /// Creates an id from random bytes.
            #[must_use]
            pub fn from_random(bytes: [u8; 8]) -> Self {
                Self(format!("{}{:016x}", $prefix, u64::from_be_bytes(bytes)).into())
            }
        }

        crate::text::text_value!($type, |text| {
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            match str::strip_prefix(text, $prefix) {
                Some(digits) if digits.len() == 16 && digits.bytes().all(is_digit) => Ok(text),
                Some(_) | None => Err(crate::ParseError(concat!(
                    "must be ",
                    $prefix,
                    " and 16 hexadecimal digits"
                ))),
            }
        });
    };
}

/// Implements `Serialize` and `Deserialize` as the text that `Display` writes and `FromStr` reads.
macro_rules! serialize_as_text {
    ($($type:ty),+) => { $(
        #[cfg(feature = "serde")]
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+ };
}

pub(crate) use {named_values, random_id, read_from_text, serialize_as_text, text_value};
