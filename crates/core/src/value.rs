//! Cache values as the engine keeps them: bytes, and a tag that says how to read them back.

/// How the bytes of a value stand for a JavaScript value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    /// A string whose units are all below U+0100, one byte each.
    OneByteText = 0,
    /// Any other string, two bytes a UTF-16 unit in native order.
    TwoByteText = 1,
    /// Eight bytes of an f64 in native order.
    Number = 2,
    /// Bytes.
    Bytes = 3,
}

/// A value's form, and the codec that the facade applied before handing it down; core carries the latter through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// How the bytes are laid out.
    pub form: Form,
    /// What the facade makes of them.
    pub codec: u8,
}
