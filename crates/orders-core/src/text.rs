//! Conversions from and to text that the values share.

mod decimal;

pub(crate) use decimal::Decimal;

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

pub(crate) use {read_from_text, serialize_as_text};
