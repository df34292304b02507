//! The Node door of redstart: convert, call core, convert back. No rules of its own.
//!
//! - [`door`]: raw N-API calls behind a small safe interface; all unsafe code.
//! - [`lane`]: what one load of lib/ owns: its scratch array, its wake-up, the ring of what happened meanwhile.
//! - [`reply`], [`error`]: core's answers and errors on their way to JavaScript.
//! - [`store`], [`clock`]: handles; [`cache`], [`sessions`], [`limiter`], [`queue`]: one file a feature, each a list
//!   of bound functions.
//!
//! What JavaScript sees is declared in native.d.ts: generated for the `#[napi]` items, written by hand in raw.d.ts
//! for the bound functions.

#![expect(unreachable_pub, reason = "#[napi] items must be pub")]
#![expect(clippy::unnecessary_wraps, reason = "napi and the door call functions of one shape")]
#![expect(clippy::needless_pass_by_value, reason = "napi hands arguments over by value")]

mod cache;
mod clock;
mod door;
mod error;
mod ip;
mod lane;
mod limiter;
#[cfg(feature = "probe")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape of bound calls")]
mod probe;
mod queue;
mod reply;
mod sessions;
mod store;

use napi_derive::napi;

#[napi(module_exports)]
fn init(_exports: napi::bindgen_prelude::Object<'_>) -> napi::Result<()> {
    // The state is the process's: a last thread that ends must not unload the code that holds it.
    napi::bindgen_prelude::retain_current_module_for_unload_safety();
    Ok(())
}
