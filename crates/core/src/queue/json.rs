//! JSON text on its way through.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// JSON text, shared and never parsed here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Arc<RawValue>);

impl From<Box<RawValue>> for Json {
    fn from(text: Box<RawValue>) -> Self {
        Self(Arc::from(text))
    }
}

impl Json {
    /// What a handler that returns nothing returns: one for all of them.
    pub fn null() -> Self {
        static NULL: OnceLock<Json> = OnceLock::new();
        NULL.get_or_init(|| Self(Arc::from(RawValue::NULL.to_owned()))).clone()
    }

    /// A copy of its own.
    pub fn to_raw(&self) -> Box<RawValue> {
        RawValue::to_owned(&self.0)
    }
}

impl Deref for Json {
    type Target = RawValue;
    fn deref(&self) -> &RawValue {
        &self.0
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}
