//! Store handles: one an `open()` call.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use redstart_core::store::{self, Asked, Store};
use redstart_core::{Error, Result};

use crate::clock::NativeClock;
use crate::door::{self, Frame, Functions, Out};
use crate::lane::Shared;

/// One `open()`: closing it is closing this handle, never the store of the others.
pub(crate) struct Handle {
    pub(crate) store: Arc<Store>,
    pub(crate) lane: Arc<Shared>,
    open: AtomicBool,
    keep_first: bool,
    /// Opened by a name of `share()`: the store does not count it and may be closed under it.
    guest: bool,
}

impl Handle {
    pub(crate) fn open(
        name: String,
        options: &str,
        origin: &str,
        clock: Option<&NativeClock>,
        lane: &Arc<Shared>,
    ) -> Result<Arc<Self>> {
        let open = AtomicBool::new(true);
        if let Some(store) = store::open_shared(&name)? {
            // It goes by the options that the store has, whatever it gives.
            return Ok(Arc::new(Self { store, lane: lane.clone(), open, keep_first: true, guest: true }));
        }
        let (store, keep_first) = store::open(name, options, clock.map(NativeClock::as_core), origin)?;
        if let Some(clock) = clock {
            clock.attach(&store);
        }
        Ok(Arc::new(Self { store, lane: lane.clone(), open, keep_first, guest: false }))
    }

    /// Fails once the handle is closed; the first thing every call does.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.open.load(Ordering::Relaxed) && !(self.guest && self.store.is_shut()) {
            return Ok(());
        }
        Err(Error::Closed(format!(
            "this handle of the store '{}' is closed; use it before close(), or open() another",
            self.store.url()
        )))
    }
}

/// A handle as JavaScript holds it: the features by name, each an object of bound functions.
#[napi]
pub struct NativeStore {
    lane: Rc<door::Lane>,
    handle: Arc<Handle>,
}

impl NativeStore {
    pub(crate) fn new(lane: Rc<door::Lane>, handle: Arc<Handle>) -> Self {
        Self { lane, handle }
    }

    fn asked<'a>(&self, name: &'a str, options: Option<&'a str>, origin: &'a str) -> Asked<'a> {
        Asked { name, options, origin, keep_first: self.handle.keep_first }
    }

    /// The feature that `define` finds, bound by `bind`; nothing when that fails, with an error to take.
    fn feature<'env, F>(
        &self,
        env: &'env Env,
        define: impl FnOnce(&Store) -> Result<store::Found<F>>,
        bind: impl FnOnce(Functions<'env>, &Arc<Handle>, F) -> napi::Result<Functions<'env>>,
    ) -> napi::Result<Option<Object<'env>>> {
        let found = self.handle.check_open().and_then(|()| define(&self.handle.store));
        match found {
            Ok(store::Found { feature, options }) => {
                let functions = self.lane.functions(env)?.with_text("options", &options)?;
                Ok(Some(bind(functions, &self.handle, feature)?.build()))
            }
            Err(error) => {
                self.lane.fail(error);
                Ok(None)
            }
        }
    }
}

#[napi]
impl NativeStore {
    /// A cache by name, with its options as JSON where this call gives them.
    #[napi(ts_return_type = "CacheFunctions | null", catch_unwind)]
    pub fn cache<'env>(
        &self,
        env: &'env Env,
        name: String,
        options: Option<String>,
        origin: String,
    ) -> napi::Result<Option<Object<'env>>> {
        let asked = self.asked(&name, options.as_deref(), &origin);
        self.feature(env, |store| store.cache(&asked), crate::cache::bind)
    }

    /// Sessions by name.
    #[napi(ts_return_type = "SessionsFunctions | null", catch_unwind)]
    pub fn sessions<'env>(
        &self,
        env: &'env Env,
        name: String,
        options: Option<String>,
        origin: String,
    ) -> napi::Result<Option<Object<'env>>> {
        let asked = self.asked(&name, options.as_deref(), &origin);
        self.feature(env, |store| store.sessions(&asked), crate::sessions::bind)
    }

    /// A limiter by name.
    #[napi(ts_return_type = "LimiterFunctions | null", catch_unwind)]
    pub fn limiter<'env>(
        &self,
        env: &'env Env,
        name: String,
        options: Option<String>,
        origin: String,
    ) -> napi::Result<Option<Object<'env>>> {
        let asked = self.asked(&name, options.as_deref(), &origin);
        self.feature(env, |store| store.limiter(&asked), crate::limiter::bind)
    }

    /// A queue by name.
    #[napi(ts_return_type = "QueueFunctions | null", catch_unwind)]
    pub fn queue<'env>(
        &self,
        env: &'env Env,
        name: String,
        options: Option<String>,
        origin: String,
    ) -> napi::Result<Option<Object<'env>>> {
        let asked = self.asked(&name, options.as_deref(), &origin);
        self.feature(env, |store| store.queue(&asked), crate::queue::bind)
    }

    /// A name by which `openStore` of any thread of this process opens this store, a private one too, while it is open; or
    /// nothing and an error to take. Handles that are opened so are not counted: the store ends without them.
    #[napi(catch_unwind)]
    pub fn share(&self) -> Option<String> {
        let name = self.handle.check_open().map(|()| self.handle.store.share());
        name.map_err(|error| self.lane.fail(error)).ok()
    }

    /// The functions of the store itself.
    #[napi(ts_return_type = "StoreFunctions", catch_unwind)]
    pub fn functions<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let stats = |handle: &Arc<Handle>, _frame: &mut Frame<'_>| {
            handle.check_open()?;
            Ok(Out::Text(handle.store.stats().to_string()))
        };
        let close = |handle: &Arc<Handle>, _frame: &mut Frame<'_>| {
            if !handle.open.swap(false, Ordering::AcqRel) || handle.guest {
                return Ok(Out::Text("{}".into()));
            }
            let dropped = store::close(&handle.store);
            Ok(Out::Text(serde_json::json!(dropped).to_string()))
        };
        let functions = self.lane.functions(env)?;
        let functions = functions.with::<0, _>("stats", self.handle.clone(), stats)?;
        let functions =
            functions.with::<1, _>("consumeAll", self.handle.clone(), crate::limiter::consume_all)?;
        Ok(functions.with::<0, _>("close", self.handle.clone(), close)?.build())
    }
}
