//! What a person typed, or says who a person is. It stands outside the entry, in a row that may be erased; the entry
//! holds only a salted hash of it. Everything that reads such a value must cope with its erasure.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Personal<T> {
    Known(T),
    Erased,
}

impl<T> Personal<T> {
    pub fn known(&self) -> Option<&T> {
        match self {
            Personal::Known(value) => Some(value),
            Personal::Erased => None,
        }
    }

    /// What an edit makes of it: nothing where nothing was asked, or just this.
    pub fn changed(&self, asked: &Option<T>) -> Option<Personal<T>>
    where
        T: Clone + PartialEq,
    {
        let asked = asked.as_ref()?;
        (self.known() != Some(asked)).then(|| Personal::Known(asked.clone()))
    }
}

/// An erased value is written as null, which no known one is.
impl<T: Serialize> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.known().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::<T>::deserialize(deserializer)? {
            Some(value) => Personal::Known(value),
            None => Personal::Erased,
        })
    }
}

/// For an optional member whose null is a value of its own: absent is `None`, anything present is `Some`.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
