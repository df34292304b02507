//! Addresses as limiter keys; the rule is core's.

use napi_derive::napi;
use redstart_core::limiter::ip;

use crate::lane::NativeLane;

/// An address as a limiter key, or nothing and an error to take.
#[napi(catch_unwind)]
pub fn ip_key(lane: &NativeLane, address: String, subnet: u32) -> Option<String> {
    ip::key(&address, subnet).map_err(|error| lane.lane.fail(error)).ok()
}
