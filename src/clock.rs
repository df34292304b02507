//! Manual clocks as JavaScript holds them.

use std::sync::{Arc, Weak};

use napi_derive::napi;
use parking_lot::Mutex;
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::store::Store;

use crate::door::{Frame, Out};
use crate::lane::NativeLane;
use crate::reply;

/// A clock that a test moves, and the stores that it was given to.
#[napi]
pub struct NativeClock {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<ManualClock>,
    stores: Mutex<Vec<Weak<Store>>>,
}

#[napi]
impl NativeClock {
    /// A clock that stands at `startMs`, milliseconds since the epoch.
    #[napi(constructor, catch_unwind)]
    pub fn new(start_ms: f64) -> Self {
        let clock = ManualClock::new(to_us(start_ms));
        Self { inner: Arc::new(Inner { clock, stores: Mutex::default() }) }
    }

    /// Where it stands, in milliseconds since the epoch.
    #[napi(getter, catch_unwind)]
    pub fn now_ms(&self) -> f64 {
        to_ms(self.inner.clock.now_us())
    }

    /// Moves to the next due instant up to `targetMs`; whether it stopped short of the target.
    #[napi(catch_unwind)]
    pub fn step_towards(&self, target_ms: f64) -> bool {
        self.inner.clock.step_towards(to_us(target_ms))
    }

    /// `settled` is pending until every job that is due and has a worker has run.
    #[napi(ts_return_type = "ClockFunctions", catch_unwind)]
    pub fn functions<'env>(
        &self,
        env: &'env napi::Env,
        lane: &NativeLane,
    ) -> napi::Result<napi::bindgen_prelude::Object<'env>> {
        let target = (self.inner.clone(), lane.shared.clone());
        let settled = |(inner, lane): &(Arc<Inner>, _), frame: &mut Frame<'_>| {
            let stores = inner.stores.lock().iter().filter_map(Weak::upgrade).collect::<Vec<_>>();
            let reply = Store::all_settled(stores);
            reply::answer(frame, lane, reply, |()| Out::Undefined)
        };
        Ok(lane.lane.functions(env)?.with::<0, _>("settled", target, settled)?.build())
    }
}

impl NativeClock {
    pub(crate) fn as_core(&self) -> Clock {
        Clock::Manual(self.inner.clock.clone())
    }

    /// Remembers a store whose jobs `settled` waits for.
    pub(crate) fn attach(&self, store: &Arc<Store>) {
        let mut stores = self.inner.stores.lock();
        stores.retain(|known| known.strong_count() > 0 && !std::ptr::eq(known.as_ptr(), Arc::as_ptr(store)));
        stores.push(Arc::downgrade(store));
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "lib/clock.js checks the range")]
fn to_us(ms: f64) -> u64 {
    ms as u64 * MS
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since the epoch stay below 2^53")]
fn to_ms(us: u64) -> f64 {
    (us / MS) as f64
}
