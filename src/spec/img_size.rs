//! How a picture size is written: one number when square, else `[height, width]`.
//! By hand, because an untagged enum would answer a mistake with "did not match any variant".
//! It must not check divisibility: that needs the patch size and is `validate`'s.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::trial::ImgSize;

impl Serialize for ImgSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.height == self.width {
            self.height.serialize(serializer)
        } else {
            [self.height, self.width].serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for ImgSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

impl fmt::Display for ImgSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

struct SizeVisitor;

impl<'de> Visitor<'de> for SizeVisitor {
    type Value = ImgSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of pixels or [height, width]")
    }

    fn visit_u64<E: de::Error>(self, side: u64) -> Result<ImgSize, E> {
        let side = usize::try_from(side).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(side), &self))?;
        Ok(ImgSize {
            height: side,
            width: side,
        })
    }

    fn visit_i64<E: de::Error>(self, side: i64) -> Result<ImgSize, E> {
        let side = usize::try_from(side).map_err(|_| E::invalid_value(de::Unexpected::Signed(side), &self))?;
        Ok(ImgSize {
            height: side,
            width: side,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ImgSize, A::Error> {
        let height = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
        let width = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
        if seq.next_element::<usize>()?.is_some() {
            return Err(de::Error::invalid_length(3, &self));
        }
        Ok(ImgSize { height, width })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_round_trip() {
        for (text, height, width) in [("224", 224, 224), ("[96,128]", 96, 128)] {
            let size: ImgSize = serde_json::from_str(text).unwrap();
            assert_eq!(size, ImgSize { height, width });
            assert_eq!(serde_json::to_string(&size).unwrap(), text);
        }
        assert_eq!(
            serde_json::from_str::<ImgSize>("[64,64]").unwrap(),
            ImgSize { height: 64, width: 64 }
        );
    }

    #[test]
    fn mistakes_say_what_is_expected() {
        for text in ["\"big\"", "[1,2,3]", "[1]", "-4", "2.5"] {
            let error = serde_json::from_str::<ImgSize>(text).unwrap_err().to_string();
            assert!(
                error.contains("a whole number of pixels or [height, width]"),
                "{text}: {error}"
            );
        }
    }
}
