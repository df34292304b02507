//! The door to Node: raw N-API calls behind a small safe interface. All unsafe code of redstart is in this file.
//!
//! A `#[napi]` function costs three times an empty callback and a `#[napi]` method thirty times (bench/boundary
//! prints both), so the calls that an app makes per request are raw callbacks: the thing they act on travels in
//! the function's data pointer, keys are read into the stack, small results go through an array of doubles that
//! both sides keep pinned, values come back as plain strings and numbers.
//!
//! Invariants, on which the SAFETY comments lean:
//! 1. A [`Lane`] and what is bound to it live on one JavaScript thread. Only [`Wake`] crosses threads.
//! 2. The data pointer of a bound function is a `Binding` freed by the finalizer of that very function.
//! 3. The scratch array is kept alive by a strong reference that the lane holds, and lib/lane.js never detaches it.
//! 4. No JavaScript runs inside a bound call: it reads arguments, calls core, makes one value.
//! 5. Arrays that come down are made by lib/ for the call: plain, without getters.
//! 6. The thread-safe function in a [`Wake`] is called only under the read lock and taken out under the write lock
//!    before it is released or its environment goes; so no thread calls one that is gone.

use std::cell::{RefCell, UnsafeCell};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use napi::bindgen_prelude::{FromNapiValue, Object};
use napi::{Env, sys};
use parking_lot::RwLock;
use redstart_core::board::{BOARD, Board};
use redstart_core::key::{KEY_BYTES_MAX, Key};
use redstart_core::value::{Form, Tag};
use redstart_core::{Error, Result};

/// UTF-16 units of a key that are read without touching the heap, the closing zero included.
const KEY_UNITS_ON_STACK: usize = 256;
/// Units are narrowed so many at a time: a few instructions without a branch, and one store, as reading what two stores have
/// just written stalls. Keys differ in length, and a loop over the rest would be mispredicted at every other call.
const AT_ONCE: usize = 16;
/// Units of a value that are read without asking for its length first, which costs a second call.
const TEXT_UNITS_AT_ONCE: usize = 4_096;
/// Buffers that a large value has grown are let go above this many bytes.
const BUFFER_KEPT_BYTES: usize = 1 << 20;

/// Elements that a scratch array has at least.
const SCRATCH_LEN_MIN: usize = 16;

/// scratch[0]: the call went well.
pub(crate) const STATUS_OK: f64 = 0.0;
/// scratch[0]: the call failed; `lastError` tells how.
pub(crate) const STATUS_ERROR: f64 = 1.0;
/// scratch[0]: the answer comes later, for the promise whose number is in scratch[1].
pub(crate) const STATUS_PENDING: f64 = 2.0;

/// What a bound call hands back to JavaScript.
pub(crate) enum Out {
    /// `undefined`.
    Undefined,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// The value whose bytes the call left in `Frame::buffers.out`.
    Value(Tag),
    /// A string.
    Text(String),
    /// An array.
    List(List),
    /// The board, as an `ArrayBuffer` over its memory; `undefined` where the host refuses such buffers.
    Board,
}

/// An array in the making: its values' bytes lie one behind the other.
#[derive(Default)]
pub(crate) struct List {
    items: Vec<Item>,
    bytes: Vec<u8>,
}

enum Item {
    Undefined,
    Number(f64),
    /// Ends there in the bytes; it starts where the one before ended.
    Value(Tag, usize),
}

impl List {
    /// Bytes of its values.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds `undefined`.
    pub(crate) fn push_undefined(&mut self) {
        self.items.push(Item::Undefined);
    }

    /// Adds a number.
    pub(crate) fn push_number(&mut self, number: f64) {
        self.items.push(Item::Number(number));
    }

    /// Adds a value.
    pub(crate) fn push_value(&mut self, tag: Tag, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.items.push(Item::Value(tag, self.bytes.len()));
    }

    /// Adds a key, a string.
    pub(crate) fn push_key(&mut self, key: Key<'_>) {
        let form = if key.is_wide() { Form::TwoByteText } else { Form::OneByteText };
        self.push_value(Tag::new(form, 0), key.bytes);
    }

    /// Adds a text.
    pub(crate) fn push_text(&mut self, text: &str) {
        if text.is_ascii() {
            return self.push_value(Tag::new(Form::OneByteText, 0), text.as_bytes());
        }
        let units: Vec<u16> = text.encode_utf16().collect();
        self.push_value(Tag::new(Form::TwoByteText, 0), as_bytes(&units));
    }
}

/// Memory that calls of one lane use again and again.
#[derive(Default)]
pub(crate) struct Buffers {
    /// Where a call leaves the bytes of `Out::Value`.
    pub(crate) out: Vec<u8>,
    units: Vec<u16>,
    bytes: Vec<u8>,
}

/// One load of lib/: its scratch array, its buffers, its last error.
pub(crate) struct Lane {
    scratch: *mut f64,
    /// Its elements, at least `SCRATCH_LEN_MIN`.
    scratch_len: usize,
    buffers: UnsafeCell<Buffers>,
    last_error: RefCell<Option<Error>>,
}

impl Lane {
    /// A lane that answers through `scratch`, a `Float64Array` which stays referenced for good.
    pub(crate) fn new(env: Env, scratch: &Object<'_>) -> napi::Result<Rc<Self>> {
        let value = napi::JsValue::raw(scratch);
        let (mut kind, mut len, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: env and value are live handles of this call; the out pointers are ours. A value that is no typed
        // array makes the call fail.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                env.raw(),
                value,
                &raw mut kind,
                &raw mut len,
                &raw mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        if status != sys::Status::napi_ok
            || kind != sys::TypedarrayType::float64_array
            || len < SCRATCH_LEN_MIN
        {
            return Err(napi::Error::from_reason("a lane needs a Float64Array of at least 16 elements"));
        }
        let mut reference = ptr::null_mut();
        // SAFETY: value is a live object; the strong reference is never deleted, it goes with the environment.
        let status = unsafe { sys::napi_create_reference(env.raw(), value, 1, &raw mut reference) };
        if status != sys::Status::napi_ok {
            return Err(napi::Error::from_reason("cannot keep the scratch array"));
        }
        Ok(Rc::new(Self {
            scratch: data.cast(),
            scratch_len: len,
            buffers: UnsafeCell::default(),
            last_error: RefCell::default(),
        }))
    }

    /// Writes into the scratch array, out of range is a broken invariant.
    pub(crate) fn set(&self, index: usize, value: f64) {
        // SAFETY: in bounds and of this thread, see `slot`; a Float64Array's elements are aligned.
        unsafe { self.slot(index).write(value) };
    }

    /// What JavaScript left in the scratch array, out of range is a broken invariant.
    pub(crate) fn get(&self, index: usize) -> f64 {
        // SAFETY: as in `set`; every bit pattern is a number.
        unsafe { self.slot(index).read() }
    }

    fn slot(&self, index: usize) -> *mut f64 {
        assert!(index < self.scratch_len, "scratch index {index}");
        // SAFETY: in bounds by the line above, alive and unmoved by invariant 3, this thread by invariant 1.
        unsafe { self.scratch.add(index) }
    }

    /// As `set`, two counts in the place of one number.
    fn set_pair(&self, index: usize, pair: [u32; 2]) {
        // SAFETY: as in `set`; a pair is as large as a double and needs less alignment.
        unsafe { self.slot(index).cast::<[u32; 2]>().write(pair) };
    }

    /// As `set`, bits in the place of a number.
    fn set_bits(&self, index: usize, bits: u64) {
        // SAFETY: as in `set`; bits are as large as a double and aligned alike.
        unsafe { self.slot(index).cast::<u64>().write(bits) };
    }

    /// Remembers why a call failed, for `lastError`.
    pub(crate) fn fail(&self, error: Error) {
        self.set(0, STATUS_ERROR);
        *self.last_error.borrow_mut() = Some(error);
    }

    /// The error of the last failed call.
    pub(crate) fn take_error(&self) -> Option<Error> {
        self.last_error.borrow_mut().take()
    }

    /// An object whose functions will be bound to this lane.
    pub(crate) fn functions<'env>(self: &Rc<Self>, env: &'env Env) -> napi::Result<Functions<'env>> {
        Ok(Functions { env, lane: self.clone(), object: Object::new(env)? })
    }
}

/// A plain object of bound functions in the making.
pub(crate) struct Functions<'env> {
    env: &'env Env,
    lane: Rc<Lane>,
    object: Object<'env>,
}

/// `F` is a function item or a closure without captures, so it takes no room here and each bound call is compiled into
/// an entry of its own.
struct Binding<T, F> {
    target: T,
    call: F,
    lane: Rc<Lane>,
}

impl<'env> Functions<'env> {
    /// Adds the function `name` of `ARGS` arguments, which makes `call` on `target`. Node fills in each argument that is
    /// asked for and not given, which costs as much as reading one: hence the count.
    pub(crate) fn with<const ARGS: usize, T: 'static>(
        mut self,
        name: &str,
        target: T,
        call: impl Fn(&T, &mut Frame<'_>) -> Result<Out> + 'static,
    ) -> napi::Result<Self> {
        self.bind::<ARGS, T, _>(name, target, call)?;
        Ok(self)
    }

    fn bind<const ARGS: usize, T, F>(&mut self, name: &str, target: T, call: F) -> napi::Result<()>
    where
        T: 'static,
        F: Fn(&T, &mut Frame<'_>) -> Result<Out> + 'static,
    {
        let data =
            Box::into_raw(Box::new(Binding { target, call, lane: self.lane.clone() })).cast::<c_void>();
        let mut function = ptr::null_mut();
        // SAFETY: name outlives the call; data is what `enter::<ARGS, T, F>` expects (invariant 2).
        let status = unsafe {
            sys::napi_create_function(
                self.env.raw(),
                name.as_ptr().cast(),
                name.len().cast_signed(),
                Some(enter::<ARGS, T, F>),
                data,
                &raw mut function,
            )
        };
        napi::check_status!(status)?;
        // SAFETY: function is the live handle just made; `free_binding::<T, F>` frees exactly this box, once.
        let status = unsafe {
            sys::napi_add_finalizer(
                self.env.raw(),
                function,
                data,
                Some(free_binding::<T, F>),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        napi::check_status!(status)?;
        // SAFETY: function is a live handle of this environment.
        let function = unsafe { napi::bindgen_prelude::Unknown::from_napi_value(self.env.raw(), function) }?;
        napi::bindgen_prelude::JsObjectValue::set_named_property(&mut self.object, name, function)
    }

    /// Adds a string property.
    pub(crate) fn with_text(mut self, name: &str, text: &str) -> napi::Result<Self> {
        napi::bindgen_prelude::JsObjectValue::set_named_property(&mut self.object, name, text)?;
        Ok(self)
    }

    /// The object.
    pub(crate) fn build(self) -> Object<'env> {
        self.object
    }
}

unsafe extern "C" fn free_binding<T, F>(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: invariant 2: data came from Box::into_raw of this type and the finalizer runs once.
    drop(unsafe { Box::from_raw(data.cast::<Binding<T, F>>()) });
}

/// Where every bound call arrives: arguments, guard, status, value.
unsafe extern "C" fn enter<const ARGS: usize, T, F: Fn(&T, &mut Frame<'_>) -> Result<Out>>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let mut args = [ptr::null_mut(); ARGS];
    let mut count = ARGS;
    let mut data = ptr::null_mut();
    // SAFETY: Node calls with a live env and info; args has room for count; missing arguments become undefined.
    unsafe {
        sys::napi_get_cb_info(env, info, &raw mut count, args.as_mut_ptr(), ptr::null_mut(), &raw mut data);
    }
    // SAFETY: invariant 2: the function is being called, so its finalizer has not run and the box is alive.
    let binding = unsafe { &*data.cast::<Binding<T, F>>() };
    // A panic must not unwind into Node. Core's locks do not poison and its state changes are applied last, so
    // going on after one is sound; the caller gets ERR_INTERNAL.
    catch_unwind(AssertUnwindSafe(|| {
        let lane = &*binding.lane;
        // SAFETY: invariants 1 and 4: one call at a time on this thread, and none inside another, so nobody else holds them.
        let buffers = unsafe { &mut *lane.buffers.get() };
        lane.set(0, STATUS_OK);
        let mut frame = Frame { env, args: &args, lane, buffers };
        match (binding.call)(&binding.target, &mut frame) {
            Ok(Out::Undefined) => ptr::null_mut(),
            // The hottest answer first, past the jump table of the others.
            Ok(Out::Value(tag)) => given(env, tag, frame.buffers),
            Ok(ref out) => to_js(env, out, frame.buffers),
            Err(error) => {
                lane.fail(error);
                ptr::null_mut()
            }
        }
    }))
    .unwrap_or_else(|panic| {
        binding.lane.fail(internal(panic.as_ref()));
        ptr::null_mut()
    })
}

fn internal(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Error::Internal(format!("redstart broke one of its own rules, please report it: {text}"))
}

/// By reference: see `Frame::key_of`.
fn to_js(env: sys::napi_env, out: &Out, buffers: &mut Buffers) -> sys::napi_value {
    let mut value = ptr::null_mut();
    let result = &raw mut value;
    // A failed creation (an environment that is going away) leaves `value` null, which JavaScript sees as undefined.
    match *out {
        Out::Undefined => {}
        Out::Bool(yes) => {
            // SAFETY: env is live for the whole call, result points to a local.
            let _ = unsafe { sys::napi_get_boolean(env, yes, result) };
        }
        Out::Number(number) => {
            // SAFETY: as above.
            let _ = unsafe { sys::napi_create_double(env, number, result) };
        }
        Out::Text(ref text) if text.is_ascii() => one_byte_text(env, text.as_bytes(), result),
        Out::Text(ref text) => {
            // UTF-16 made here costs a fifth of the UTF-8 decoding in Node.
            buffers.units.clear();
            buffers.units.extend(text.encode_utf16());
            two_byte_text(env, &buffers.units, result);
        }
        Out::Value(tag) => value = given(env, tag, buffers),
        Out::List(ref list) => {
            value = list_to_js(env, list, &mut buffers.units);
            let_go_of_large(buffers);
        }
        Out::Board => value = board_to_js(env),
    }
    value
}

/// The value whose bytes the call left.
#[inline]
fn given(env: sys::napi_env, tag: Tag, buffers: &mut Buffers) -> sys::napi_value {
    let value = value_to_js(env, tag, &buffers.out, &mut buffers.units);
    let_go_of_large(buffers);
    value
}

fn list_to_js(env: sys::napi_env, list: &List, units: &mut Vec<u16>) -> sys::napi_value {
    let mut array = ptr::null_mut();
    // SAFETY: env is live for the whole call; the out pointer is ours.
    let status = unsafe { sys::napi_create_array_with_length(env, list.items.len(), &raw mut array) };
    if status != sys::Status::napi_ok {
        return ptr::null_mut();
    }
    let mut from = 0;
    for (at, item) in list.items.iter().enumerate() {
        let value = match *item {
            Item::Undefined => continue,
            Item::Number(number) => {
                let mut value = ptr::null_mut();
                // SAFETY: as above.
                let _ = unsafe { sys::napi_create_double(env, number, &raw mut value) };
                value
            }
            Item::Value(tag, to) => {
                let bytes = &list.bytes[from..to];
                from = to;
                value_to_js(env, tag, bytes, units)
            }
        };
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        // SAFETY: array and value are live handles of this call; a plain array's elements run no JavaScript.
        let _ = unsafe { sys::napi_set_element(env, array, at, value) };
    }
    array
}

fn board_to_js(env: sys::napi_env) -> sys::napi_value {
    let board = (&raw const BOARD).cast_mut().cast::<c_void>();
    let mut buffer = ptr::null_mut();
    // SAFETY: the board is a static, so it outlives every buffer and nothing needs to be freed; it consists of atomics,
    // to which JavaScript's aligned reads and writes of whole numbers are no more than further threads.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            env,
            board,
            size_of::<Board>(),
            None,
            ptr::null_mut(),
            &raw mut buffer,
        )
    };
    // A host without such buffers (Electron) says so, and the near cache does without.
    if status == sys::Status::napi_ok { buffer } else { ptr::null_mut() }
}

/// Makes a value of its bytes.
fn value_to_js(env: sys::napi_env, tag: Tag, bytes: &[u8], units: &mut Vec<u16>) -> sys::napi_value {
    let mut value = ptr::null_mut();
    let result = &raw mut value;
    match tag.form() {
        Form::OneByteText => one_byte_text(env, bytes, result),
        Form::TwoByteText => {
            units.clear();
            units.extend(bytes.chunks_exact(2).map(|two| u16::from_ne_bytes([two[0], two[1]])));
            two_byte_text(env, units, result);
        }
        Form::Number => {
            let number = bytes.try_into().map_or(f64::NAN, f64::from_ne_bytes);
            // SAFETY: env is live for the whole call, result points to a local.
            let _ = unsafe { sys::napi_create_double(env, number, result) };
        }
        Form::Bytes => {
            let (data, len) = (bytes.as_ptr().cast(), bytes.len());
            // SAFETY: as above; Node copies len bytes from a live buffer and the copy's address is not asked for.
            let _ = unsafe { sys::napi_create_buffer_copy(env, len, data, ptr::null_mut(), result) };
        }
    }
    value
}

fn let_go_of_large(buffers: &mut Buffers) {
    if buffers.out.capacity() > BUFFER_KEPT_BYTES || buffers.units.capacity() > BUFFER_KEPT_BYTES {
        *buffers = Buffers::default();
    }
}

fn one_byte_text(env: sys::napi_env, text: &[u8], result: *mut sys::napi_value) {
    // SAFETY: env is live, text is read before the call returns, result points to a local of the caller.
    let _ = unsafe {
        sys::napi_create_string_latin1(env, text.as_ptr().cast(), text.len().cast_signed(), result)
    };
}

fn two_byte_text(env: sys::napi_env, units: &[u16], result: *mut sys::napi_value) {
    // SAFETY: as in one_byte_text.
    let _ = unsafe { sys::napi_create_string_utf16(env, units.as_ptr(), units.len().cast_signed(), result) };
}

/// The arguments of one bound call.
pub(crate) struct Frame<'call> {
    env: sys::napi_env,
    args: &'call [sys::napi_value],
    lane: &'call Lane,
    /// Memory to use during the call.
    pub(crate) buffers: &'call mut Buffers,
}

impl Frame<'_> {
    /// Writes a number that JavaScript reads after the call; slot 0 is the status, the others are the call's own.
    pub(crate) fn set(&self, index: usize, value: f64) {
        self.lane.set(index, value);
    }

    /// Writes two counts into the place of one number; JavaScript reads them through `counts`.
    pub(crate) fn set_pair(&self, index: usize, pair: [u32; 2]) {
        self.lane.set_pair(index, pair);
    }

    /// Writes 64 bits into the place of one number; JavaScript reads them through `counts` and copies them as they lie.
    pub(crate) fn set_bits(&self, index: usize, bits: u64) {
        self.lane.set_bits(index, bits);
    }

    /// A number that JavaScript left in the scratch array, which is cheaper than an argument.
    pub(crate) fn scratch(&self, index: usize) -> f64 {
        self.lane.get(index)
    }

    /// A whole number of at least 0 that JavaScript left in the scratch array; `None` for anything else.
    pub(crate) fn scratch_whole(&self, index: usize) -> Option<u64> {
        whole(self.scratch(index))
    }

    /// As `set`, for a count, which stays far below 2^53.
    #[expect(clippy::cast_precision_loss, reason = "counts of things in memory stay far below 2^53")]
    pub(crate) fn set_whole(&self, index: usize, value: u64) {
        self.lane.set(index, value as f64);
    }

    /// Answers with another status than `STATUS_OK`.
    pub(crate) fn set_status(&self, status: f64) {
        self.lane.set(0, status);
    }

    /// A number; NaN for anything else.
    pub(crate) fn number(&self, index: usize) -> f64 {
        self.number_of(self.args[index])
    }

    fn number_of(&self, value: sys::napi_value) -> f64 {
        let mut number = f64::NAN;
        // SAFETY: a live env and value; on any other type the call fails and leaves the NaN.
        let _ = unsafe { sys::napi_get_value_double(self.env, value, &raw mut number) };
        number
    }

    /// How many elements an array argument has; 0 for anything else.
    pub(crate) fn list_len(&self, index: usize) -> usize {
        let mut len = 0;
        // SAFETY: a live env and argument; on any other type the call fails and leaves 0.
        let _ = unsafe { sys::napi_get_array_length(self.env, self.args[index], &raw mut len) };
        len as usize
    }

    /// An element of an array argument; lib/ makes these arrays anew for the call, so no getter runs (invariant 5).
    fn element(&self, index: usize, at: usize) -> sys::napi_value {
        let mut element = ptr::null_mut();
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        // SAFETY: a live env and argument; the out pointer is ours. A failure leaves null, which reads as no value at all.
        let _ = unsafe { sys::napi_get_element(self.env, self.args[index], at, &raw mut element) };
        element
    }

    /// A number in an array argument; NaN for anything else.
    pub(crate) fn number_in(&self, index: usize, at: usize) -> f64 {
        self.number_of(self.element(index, at))
    }

    /// A key in an array argument, read into `buffer`.
    pub(crate) fn key_in<'key>(
        &self,
        index: usize,
        at: usize,
        buffer: &'key mut KeyBuffer,
    ) -> Result<Key<'key>> {
        self.key_of(self.element(index, at), buffer)
    }

    /// A value to store in an array argument, as by `value`.
    pub(crate) fn value_in(&mut self, index: usize, at: usize) -> Result<(Form, &[u8])> {
        self.value_of(self.element(index, at))
    }

    /// A whole number of at least 0 that JavaScript can hold exactly; `None` for anything else.
    pub(crate) fn whole(&self, index: usize) -> Option<u64> {
        whole(self.number(index))
    }

    /// As `whole`, in an array argument.
    pub(crate) fn whole_in(&self, index: usize, at: usize) -> Option<u64> {
        whole(self.number_in(index, at))
    }

    /// A boolean; false for anything else.
    pub(crate) fn flag(&self, index: usize) -> bool {
        let mut flag = false;
        // SAFETY: a live env and argument; on any other type the call fails and leaves false.
        let _ = unsafe { sys::napi_get_value_bool(self.env, self.args[index], &raw mut flag) };
        flag
    }

    /// A key, read into `buffer`.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured: what is handed over in memory stalls the next read")]
    pub(crate) fn key<'key>(&self, index: usize, buffer: &'key mut KeyBuffer) -> Result<Key<'key>> {
        self.key_of(self.args[index], buffer)
    }

    /// Read and told apart in two steps, so that the key stays in registers: a slice that was just written as two words and
    /// is copied as one of twice the width stalls longer than the lookup takes.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured: what is handed over in memory stalls the next read")]
    fn key_of<'key>(&self, value: sys::napi_value, buffer: &'key mut KeyBuffer) -> Result<Key<'key>> {
        self.read_key(value, buffer)?;
        Ok(buffer.key())
    }

    fn read_key(&self, value: sys::napi_value, buffer: &mut KeyBuffer) -> Result<()> {
        let mut len = 0;
        let room = buffer.units.as_mut_ptr().cast::<u16>();
        // SAFETY: a live env and argument; at most KEY_UNITS_ON_STACK units, the closing zero included, are written.
        let status = unsafe {
            sys::napi_get_value_string_utf16(self.env, value, room, KEY_UNITS_ON_STACK, &raw mut len)
        };
        if status != sys::Status::napi_ok {
            return Err(no_string());
        }
        if len + 1 >= KEY_UNITS_ON_STACK {
            return self.read_long_key(value, buffer);
        }
        for unit in &mut buffer.units[len..len + AT_ONCE] {
            unit.write(0);
        }
        // Taken anew: the loop above borrowed the array.
        let room = buffer.units.as_ptr().cast::<u16>();
        let chunks = len.div_ceil(AT_ONCE);
        // SAFETY: Node wrote len units and the loop those AT_ONCE after them, so every started chunk is whole.
        let units = unsafe { std::slice::from_raw_parts(room.cast::<[u16; AT_ONCE]>(), chunks) };
        let mut all = 0;
        for (to, from) in buffer.narrow.iter_mut().zip(units) {
            to.write(narrowed(from));
            all |= from.iter().fold(0, |all, unit| all | unit);
        }
        buffer.len = len;
        buffer.place = if all < 0x100 { Place::Narrow } else { Place::Units };
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn read_long_key(&self, value: sys::napi_value, buffer: &mut KeyBuffer) -> Result<()> {
        let mut units = Vec::new();
        self.units(value, &mut units)?;
        let wide = !is_narrow(&units);
        let bytes = if wide { units.len() * 2 } else { units.len() };
        if bytes > buffer.bytes_max {
            return Err(Error::InvalidArg(format!(
                "a key is {bytes} bytes, the limit is {}; use a shorter key, such as a hash of this one",
                buffer.bytes_max
            )));
        }
        buffer.long = if wide { as_bytes(&units).into() } else { units.into_iter().map(low_byte).collect() };
        buffer.place = if wide { Place::LongWide } else { Place::LongNarrow };
        Ok(())
    }

    /// Reads a whole string into `units`.
    fn units(&self, value: sys::napi_value, units: &mut Vec<u16>) -> Result<()> {
        let mut len = 0;
        units.clear();
        units.reserve(TEXT_UNITS_AT_ONCE);
        let room = units.capacity();
        // SAFETY: there is room for that many units, the closing zero included.
        let status = unsafe {
            sys::napi_get_value_string_utf16(self.env, value, units.as_mut_ptr(), room, &raw mut len)
        };
        if status == sys::Status::napi_ok && len + 1 < room {
            // SAFETY: Node wrote len units.
            unsafe { units.set_len(len) };
            return Ok(());
        }
        self.long_units(value, units)
    }

    /// As `units`, for a string that the room at hand may have cut off.
    #[cold]
    fn long_units(&self, value: sys::napi_value, units: &mut Vec<u16>) -> Result<()> {
        let mut len = 0;
        // SAFETY: without a buffer only the length is asked for.
        let status =
            unsafe { sys::napi_get_value_string_utf16(self.env, value, ptr::null_mut(), 0, &raw mut len) };
        if status != sys::Status::napi_ok {
            return Err(Error::InvalidArg("a string is needed here".into()));
        }
        units.clear();
        units.reserve(len + 1);
        let room = units.as_mut_ptr();
        // SAFETY: there is room for len units and the closing zero.
        let _ = unsafe { sys::napi_get_value_string_utf16(self.env, value, room, len + 1, &raw mut len) };
        // SAFETY: Node wrote len units.
        unsafe { units.set_len(len) };
        Ok(())
    }

    /// A string argument as UTF-8, lone surrogates replaced.
    pub(crate) fn text(&mut self, index: usize) -> Result<String> {
        let mut units = std::mem::take(&mut self.buffers.units);
        let read = self.units(self.args[index], &mut units);
        let text = read.map(|()| {
            if units.iter().fold(0, |all, unit| all | unit) < 0x80 {
                let bytes: Vec<u8> = units.iter().copied().map(low_byte).collect();
                String::from_utf8(bytes).expect("below 0x80 a unit is a byte of UTF-8")
            } else {
                String::from_utf16_lossy(&units)
            }
        });
        self.buffers.units = units;
        text
    }

    /// A value to store, with its form: a string, a number or a `Uint8Array`. The bytes live in the lane's buffers.
    pub(crate) fn value(&mut self, index: usize) -> Result<(Form, &[u8])> {
        self.value_of(self.args[index])
    }

    fn value_of(&mut self, value: sys::napi_value) -> Result<(Form, &[u8])> {
        let mut kind = 0;
        // SAFETY: a live env and value.
        let _ = unsafe { sys::napi_typeof(self.env, value, &raw mut kind) };
        match kind {
            sys::ValueType::napi_string => {
                let mut units = std::mem::take(&mut self.buffers.units);
                let read = self.units(value, &mut units);
                self.buffers.units = units;
                read?;
                if !is_narrow(&self.buffers.units) {
                    return Ok((Form::TwoByteText, as_bytes(&self.buffers.units)));
                }
                self.buffers.bytes.clear();
                self.buffers.bytes.extend(self.buffers.units.iter().copied().map(low_byte));
                Ok((Form::OneByteText, &self.buffers.bytes))
            }
            sys::ValueType::napi_number => {
                let bytes = self.number_of(value).to_ne_bytes();
                self.buffers.bytes.clear();
                self.buffers.bytes.extend(bytes);
                Ok((Form::Number, &self.buffers.bytes))
            }
            _ => {
                let (mut data, mut len) = (ptr::null_mut(), 0);
                // SAFETY: a live env and argument; fails on anything that is no Buffer or Uint8Array.
                let status =
                    unsafe { sys::napi_get_buffer_info(self.env, value, &raw mut data, &raw mut len) };
                if status != sys::Status::napi_ok || (data.is_null() && len > 0) {
                    return Err(Error::InvalidArg("a value must be a string, a number or bytes".into()));
                }
                self.buffers.bytes.clear();
                if len > 0 {
                    // SAFETY: Node says that len bytes lie at data; no JavaScript runs before they are copied
                    // (invariant 4).
                    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) };
                    self.buffers.bytes.extend_from_slice(bytes);
                }
                Ok((Form::Bytes, &self.buffers.bytes))
            }
        }
    }
}

/// Where the key in a buffer is.
enum Place {
    /// `len` bytes in `narrow`.
    Narrow,
    /// `len` units in `units`.
    Units,
    /// In `long`, one byte a unit.
    LongNarrow,
    /// In `long`, two bytes a unit.
    LongWide,
}

/// Stack memory that a key is read into; keys of 255 units and more use the heap.
pub(crate) struct KeyBuffer {
    units: [MaybeUninit<u16>; KEY_UNITS_ON_STACK + AT_ONCE],
    narrow: [MaybeUninit<[u8; AT_ONCE]>; KEY_UNITS_ON_STACK / AT_ONCE],
    len: usize,
    place: Place,
    long: Vec<u8>,
    bytes_max: usize,
}

impl KeyBuffer {
    /// An empty buffer.
    pub(crate) fn new() -> Self {
        Self {
            units: [const { MaybeUninit::uninit() }; KEY_UNITS_ON_STACK + AT_ONCE],
            narrow: [const { MaybeUninit::uninit() }; KEY_UNITS_ON_STACK / AT_ONCE],
            len: 0,
            place: Place::Narrow,
            long: Vec::new(),
            bytes_max: KEY_BYTES_MAX,
        }
    }

    /// For a key of any length, of which nothing but a hash will be kept.
    pub(crate) fn of_any_length() -> Self {
        Self { bytes_max: usize::MAX, ..Self::new() }
    }

    /// The key that was read last.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured: what is handed over in memory stalls the next read")]
    fn key(&self) -> Key<'_> {
        match self.place {
            Place::Narrow => {
                let bytes = self.narrow.as_ptr().cast();
                // SAFETY: `read_key` wrote that many bytes, in started chunks; a new buffer has none.
                Key::narrow(unsafe { std::slice::from_raw_parts(bytes, self.len) })
            }
            Place::Units => {
                // SAFETY: Node wrote that many units.
                let units = unsafe { std::slice::from_raw_parts(self.units.as_ptr().cast(), self.len) };
                Key::wide(as_bytes(units))
            }
            Place::LongNarrow => Key::narrow(&self.long),
            Place::LongWide => Key::wide(&self.long),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked on the line before")]
fn whole(number: f64) -> Option<u64> {
    const MAX: f64 = 9_007_199_254_740_991.0;
    ((0.0..=MAX).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

#[cold]
fn no_string() -> Error {
    Error::InvalidArg("a key must be a string".into())
}

/// The low bytes, as one value: the loop over an array of known length becomes a mask and a pack.
#[inline]
fn narrowed(units: &[u16; AT_ONCE]) -> [u8; AT_ONCE] {
    let mut bytes = [0; AT_ONCE];
    for (byte, &unit) in bytes.iter_mut().zip(units) {
        *byte = low_byte(unit);
    }
    bytes
}

fn is_narrow(units: &[u16]) -> bool {
    units.iter().fold(0, |all, unit| all | unit) < 0x100
}

#[expect(clippy::cast_possible_truncation, reason = "the callers have looked: the high byte is zero")]
fn low_byte(unit: u16) -> u8 {
    unit as u8
}

fn as_bytes(units: &[u16]) -> &[u8] {
    // SAFETY: u16s without padding are twice as many bytes, at any alignment, for the same lifetime.
    unsafe { std::slice::from_raw_parts(units.as_ptr().cast(), units.len() * 2) }
}

/// How other threads wake this lane's JavaScript: at most one wake-up is under way at a time.
#[derive(Default)]
pub(crate) struct Wake {
    function: RwLock<Option<ThreadSafeFunction>>,
    poked: AtomicBool,
    ended: AtomicBool,
}

#[derive(Clone, Copy)]
struct ThreadSafeFunction {
    raw: sys::napi_threadsafe_function,
    hook: *mut c_void,
}
// SAFETY: N-API allows calls of a thread-safe function from any thread; `hook` is only touched on the lane's.
unsafe impl Send for ThreadSafeFunction {}
// SAFETY: as above.
unsafe impl Sync for ThreadSafeFunction {}

/// Told when the environment of a lane goes away (a worker thread ends, the process exits).
pub(crate) trait OnEnd: Send + Sync {
    /// The wake that belongs to the environment.
    fn wake(&self) -> &Wake;
    /// The environment is going; no JavaScript runs any more.
    fn ended(&self);
}

impl Wake {
    /// Wakes the lane's JavaScript unless a wake-up is under way or nobody there waits for one.
    pub(crate) fn poke(&self) {
        let function = self.function.read();
        let Some(function) = *function else { return };
        if self.poked.swap(true, Ordering::AcqRel) {
            return;
        }
        let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
        // SAFETY: invariant 6: it cannot be released while we hold the read lock.
        let _ = unsafe { sys::napi_call_threadsafe_function(function.raw, ptr::null_mut(), mode) };
    }

    /// Whether the environment has gone.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Makes the thread-safe function that calls `on_wake`. An open one keeps the event loop alive until `unref`.
    pub(crate) fn open<E: OnEnd + 'static>(env: Env, end: &Arc<E>, on_wake: &Object<'_>) -> napi::Result<()> {
        let on_wake = napi::JsValue::raw(on_wake);
        let name: napi::bindgen_prelude::Unknown<'_> =
            napi::JsValue::to_unknown(&env.create_string("redstart")?);
        let context = Arc::into_raw(end.clone()).cast_mut().cast::<c_void>();
        let mut raw = ptr::null_mut();
        // SAFETY: live handles; context is an Arc<E> whose count `finalize_wake::<E>` gives back.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                env.raw(),
                on_wake,
                ptr::null_mut(),
                napi::JsValue::raw(&name),
                0,
                1,
                context,
                Some(finalize_wake::<E>),
                context,
                Some(deliver_wake::<E>),
                &raw mut raw,
            )
        };
        napi::check_status!(status)?;
        // Hooks run last in, first out: ours, added after the function, closes it before Node does.
        let hook = Arc::into_raw(end.clone()).cast_mut().cast::<c_void>();
        // SAFETY: hook is an Arc<E> whose count `env_ends::<E>` or `close` gives back.
        let status = unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(env_ends::<E>), hook) };
        napi::check_status!(status)?;
        let wake = end.wake();
        wake.poked.store(false, Ordering::Release);
        *wake.function.write() = Some(ThreadSafeFunction { raw, hook });
        Ok(())
    }

    /// Lets an open function keep the event loop alive, or not.
    pub(crate) fn keep_alive(&self, env: Env, yes: bool) {
        let Some(function) = *self.function.read() else {
            return;
        };
        if yes {
            // SAFETY: on the lane's thread with a live function (invariant 6: only this thread releases it).
            let _ = unsafe { sys::napi_ref_threadsafe_function(env.raw(), function.raw) };
        } else {
            // SAFETY: as above.
            let _ = unsafe { sys::napi_unref_threadsafe_function(env.raw(), function.raw) };
        }
    }

    /// Releases the function and its hook; pokes do nothing from now on.
    pub(crate) fn close<E: OnEnd + 'static>(env: Env, end: &Arc<E>) {
        let Some(function) = end.wake().function.write().take() else {
            return;
        };
        // SAFETY: the hook was added with this pair.
        let _ = unsafe { sys::napi_remove_env_cleanup_hook(env.raw(), Some(env_ends::<E>), function.hook) };
        // SAFETY: the removed hook will not run, so its count of the Arc is ours to give back.
        drop(unsafe { Arc::from_raw(function.hook.cast_const().cast::<E>()) });
        let mode = sys::ThreadsafeFunctionReleaseMode::release;
        // SAFETY: invariant 6: taken out under the write lock, so no thread is in it or will be.
        let _ = unsafe { sys::napi_release_threadsafe_function(function.raw, mode) };
    }
}

unsafe extern "C" fn deliver_wake<E: OnEnd>(
    env: sys::napi_env,
    on_wake: sys::napi_value,
    context: *mut c_void,
    _data: *mut c_void,
) {
    if env.is_null() {
        return;
    }
    // SAFETY: the context lives until finalize_wake.
    let end = unsafe { &*context.cast::<E>() };
    // Before the drain, so that what is pushed while it runs brings a wake-up of its own.
    end.wake().poked.store(false, Ordering::Release);
    let mut receiver = ptr::null_mut();
    // SAFETY: env is live.
    let _ = unsafe { sys::napi_get_undefined(env, &raw mut receiver) };
    // SAFETY: live handles; lib/lane.js catches what its drain throws.
    let _ = unsafe { sys::napi_call_function(env, receiver, on_wake, 0, ptr::null(), ptr::null_mut()) };
}

unsafe extern "C" fn finalize_wake<E: OnEnd>(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: gives back the count that `open` handed over, once.
    drop(unsafe { Arc::from_raw(data.cast_const().cast::<E>()) });
}

/// Tells `end` when its environment goes away, whether or not anything in it can be woken.
pub(crate) fn tell_of_end<E: OnEnd + 'static>(env: Env, end: &Arc<E>) -> napi::Result<()> {
    let hook = Box::into_raw(Box::new(Arc::downgrade(end))).cast::<c_void>();
    // SAFETY: hook is a boxed Weak<E> that `lane_ends::<E>` frees; the hook runs once, or never and the process ends.
    let status = unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(lane_ends::<E>), hook) };
    napi::check_status!(status)
}

unsafe extern "C" fn lane_ends<E: OnEnd>(hook: *mut c_void) {
    // SAFETY: the box that `tell_of_end` made, freed by the hook, which runs once.
    let end = unsafe { Box::from_raw(hook.cast::<std::sync::Weak<E>>()) };
    let Some(end) = end.upgrade() else { return };
    // An open wake was added after this hook, so its own has run by now and closed it.
    end.wake().ended.store(true, Ordering::Release);
    // As in env_ends; what that has released already is released once.
    drop(catch_unwind(AssertUnwindSafe(|| end.ended())));
}

unsafe extern "C" fn env_ends<E: OnEnd>(hook: *mut c_void) {
    // SAFETY: gives back the count that `open` handed to the hook, which runs once.
    let end = unsafe { Arc::from_raw(hook.cast_const().cast::<E>()) };
    let wake = end.wake();
    *wake.function.write() = None;
    wake.ended.store(true, Ordering::Release);
    // A panic must not unwind into Node; what `ended` releases is released as far as it came.
    drop(catch_unwind(AssertUnwindSafe(|| end.ended())));
}
