//! Calls that do nothing, for bench/boundary to time and for the tests of the door: the feature `probe` builds them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use parking_lot::Mutex;
use redstart_core::Result;
use redstart_core::reply::Reply;
use redstart_core::value::{Form, Tag};

use crate::door::{Frame, KeyBuffer, Out};
use crate::lane::NativeLane;
use crate::reply;

/// An empty `#[napi]` function.
#[napi(catch_unwind)]
pub fn probe_function() {}

/// A `#[napi]` function that takes and returns a number.
#[napi(catch_unwind)]
pub fn probe_number(value: u32) -> u32 {
    value
}

/// A `#[napi]` function that takes a string.
#[napi(catch_unwind)]
pub fn probe_string(key: String) -> u32 {
    u32::try_from(key.len()).unwrap_or(u32::MAX)
}

/// A `#[napi]` class, to time a method.
#[napi]
pub struct ProbeClass {
    value: u32,
}

#[napi]
impl ProbeClass {
    /// A fresh one.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self { value: 1 }
    }

    /// A `#[napi]` method with `&self`.
    #[napi(catch_unwind)]
    pub fn method(&self) -> u32 {
        self.value
    }

    /// Four numbers as an object that napi makes.
    #[napi(catch_unwind)]
    pub fn object<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let mut object = Object::new(env)?;
        for name in ["limit", "remaining", "resetAfterMs", "retryAfterMs"] {
            object.set(name, self.value)?;
        }
        Ok(object)
    }
}

/// The same as bound calls.
#[napi(catch_unwind)]
pub fn probe_functions<'env>(env: &'env Env, lane: &NativeLane) -> napi::Result<Object<'env>> {
    let functions = lane.lane.functions(env)?;
    let gate = Gate::default();
    Ok(functions
        .with::<0, _>("empty", (), |(), _| Ok(Out::Undefined))?
        .with::<1, _>("number", (), |(), frame| Ok(Out::Number(frame.number(0))))?
        .with::<1, _>("key", (), key)?
        .with::<1, _>("text", (), text)?
        .with::<0, _>("fourNumbers", (), four_numbers)?
        .with::<0, _>("pending", (lane.shared.clone(), gate.clone()), |(lane, gate), frame| {
            let later: Reply<()> = Reply::Pending(Box::pin(Opened { gate: gate.clone(), waited: false }));
            reply::answer(frame, lane, later, |()| Out::Undefined)
        })?
        .with::<0, _>("open", gate, |gate, _| {
            let wakers = std::mem::take(&mut *gate.lock());
            wakers.into_iter().for_each(Waker::wake);
            Ok(Out::Undefined)
        })?
        .with::<0, _>("panic", (), |(), _| panic!("asked to"))?
        .build())
}

/// Who waits for `open`.
type Gate = Arc<Mutex<Vec<Waker>>>;

/// A reply that comes with the next `open`.
struct Opened {
    gate: Gate,
    waited: bool,
}

impl Future for Opened {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.waited {
            return Poll::Ready(Ok(()));
        }
        self.waited = true;
        self.gate.lock().push(context.waker().clone());
        Poll::Pending
    }
}

fn key((): &(), frame: &mut Frame<'_>) -> Result<Out> {
    let mut buffer = KeyBuffer::new();
    let key = frame.key(0, &mut buffer)?;
    frame.set_whole(1, key.bytes.len() as u64);
    Ok(Out::Undefined)
}

/// A one-byte string of as many characters as asked for.
fn text((): &(), frame: &mut Frame<'_>) -> Result<Out> {
    let len = usize::try_from(frame.whole(0).unwrap_or_default()).unwrap_or_default();
    frame.buffers.out.clear();
    frame.buffers.out.resize(len, b'x');
    Ok(Out::Value(Tag::new(Form::OneByteText, 0)))
}

fn four_numbers((): &(), frame: &mut Frame<'_>) -> Result<Out> {
    for index in 1..5 {
        frame.set(index, 1.0);
    }
    Ok(Out::Undefined)
}
