'use strict';

const dns = require('node:dns/promises');
const net = require('node:net');
const { UnrecoverableError } = require('redstart');

/** Nobody's on the internet: private networks, this machine, its neighbours, what is reserved. RFC 6890. */
const NOT_PUBLIC = new net.BlockList();
for (const [address, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
]) {
  NOT_PUBLIC.addSubnet(address, bits, 'ipv4');
}
for (const [address, bits] of [
  ['::', 96],
  ['64:ff9b::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
]) {
  NOT_PUBLIC.addSubnet(address, bits, 'ipv6');
}
const LOOPBACK = new net.BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Throws unless a webhook may go to `url`. A member chooses the address and this server asks it: unguarded, that would be
 * a way to whatever only this server can reach (server-side request forgery).
 *
 * Guarded: the scheme, names and numbers of addresses that are not public, and, as fetch follows none, redirects. Asked at
 * each delivery, because what a name stands for changes.
 * Not guarded: a name whose address changes between this question and fetch's own (DNS rebinding). In production send
 * webhooks through a proxy that may connect to public addresses only; no code in front of the connection is as good.
 */
async function requirePublic(url, { allowLoopback }) {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new UnrecoverableError('a webhook goes to http: or https:');
  }
  const addresses = await dns.lookup(url.hostname.replace(/^\[|\]$/g, ''), { all: true });
  for (const { address, family } of addresses) {
    const kind = family === 6 ? 'ipv6' : 'ipv4';
    const isLoopback = allowLoopback && LOOPBACK.check(address, kind);
    if (NOT_PUBLIC.check(address, kind) && !isLoopback) {
      throw new UnrecoverableError(`a webhook goes to a public address, and ${url.hostname} is none`);
    }
  }
}

module.exports = { requirePublic };
