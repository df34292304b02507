'use strict';
const { invalidArg, show } = require('./errors.js');
const { native, lane, cold } = require('./lane.js');

/** What providers commonly give a household. */
const SUBNET_BITS = 56;

/**
 * An address as a limiter key.
 * @param {string} address
 * @param {number} [subnet]
 * @returns {string}
 */
function ipKey(address, subnet = SUBNET_BITS) {
  if (typeof address !== 'string') throw invalidArg(`an address is a string; got ${show(address)}`, ipKey);
  if (!Number.isInteger(subnet) || subnet < 0 || subnet > 128) {
    throw invalidArg(`an IPv6 subnet is 32 to 64 bits; got ${show(subnet)}`, ipKey);
  }
  return cold(() => native.ipKey(lane, address, subnet), ipKey);
}

module.exports = { ipKey };
