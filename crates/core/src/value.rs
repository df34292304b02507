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
/// One number as large as a register's usual half, so that it is written and read in one piece (see [`crate::key::Width`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(u32);

impl Tag {
    /// Both in one.
    pub const fn new(form: Form, codec: u8) -> Self {
        Self(u32::from_be_bytes([0, 0, form as u8, codec]))
    }

    /// How the bytes are laid out.
    pub const fn form(self) -> Form {
        match self.0.to_be_bytes()[2] {
            0 => Form::OneByteText,
            1 => Form::TwoByteText,
            2 => Form::Number,
            _ => Form::Bytes,
        }
    }

    /// What the facade makes of them.
    pub const fn codec(self) -> u8 {
        self.0.to_be_bytes()[3]
    }
}
