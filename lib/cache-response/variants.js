'use strict';
/**
 * The loaders of a page key and of its variants (keys.js says what lies where).
 *
 * The first load of an address learns what its responses vary by. It stores its own page as the first variant of a new
 * index and comes to that index. The page is found through the index only, so when the address is invalidated meanwhile the
 * index is not kept, and the page with it is out of reach.
 */
const keys = require('./keys.js');
const { REFUSED, make } = require('./make.js');
const { isPage } = require('./page.js');

/** @typedef {InstanceType<typeof import('./visit.js').Visit>} Visit */
/** @typedef {{ redstart: 'index', id: string, names: string[] }} Index */

/** @param {any} value @returns {value is Index} */
function isIndex(value) {
  return value?.redstart === 'index';
}

/** @param {string[]} names Sorted. @returns {Index} */
function newIndex(names) {
  return { redstart: 'index', id: keys.newId(), names };
}

/** @param {Visit} visit @param {any} context */
async function loadHead(visit, context) {
  const { stale } = context;
  // An index does not age: no variant was made for as long as one lives, or the tags of the first were expired.
  if (isIndex(stale)) return stale;
  const made = await make(visit, isPage(stale) ? stale : undefined);
  if (made.page === undefined) return context.skip(made.found);
  const { page, names, tags, ttl } = made;
  context.setOptions({ tags, ttl });
  if (names.length === 0) return page;
  const index = newIndex(names);
  const variant = keys.variantOf(names, visit.asked.headers);
  try {
    const options = { ttl, tags: [...tags, keys.variantsTag(visit.key)] };
    await visit.settings.cache.set(keys.variantKey(index.id, variant), page, options);
  } catch (error) {
    // Counted by the cache as a rejection.
    if (/** @type {any} */ (error)?.code !== 'ERR_TOO_LARGE') throw error;
    return context.skip(REFUSED);
  }
  makeRoom(visit, index.id, variant, ttl);
  return index;
}

/** @param {Visit} visit @param {any} context @param {Index} index @param {string} variant */
async function loadVariant(visit, context, index, variant) {
  const { cache } = visit.settings;
  const { stale } = context;
  const made = await make(visit, isPage(stale) ? stale : undefined);
  if (made.page === undefined) return context.skip(made.found);
  const { page, names, tags, ttl } = made;
  if (names.some((name) => !index.names.includes(name))) {
    // More headers matter than the index knows. It holds no page, so to replace it can bring none back.
    const wider = newIndex([...new Set([...index.names, ...names])].sort());
    await cache.set(visit.key, wider, { ttl });
    return context.skip(REFUSED);
  }
  context.setOptions({ ttl, tags: [...tags, keys.variantsTag(visit.key)] });
  const left = await cache.getRemainingTTL(visit.key);
  if (left !== undefined && (ttl === undefined || left < ttl)) await cache.touch(visit.key, ttl);
  const life = await lifeOf(visit);
  makeRoom(visit, index.id, variant, life === undefined ? ttl : life);
  return page;
}

/** How long the index lives yet, as a ttl; undefined where it is gone. @param {Visit} visit */
async function lifeOf({ key, settings }) {
  const left = await settings.cache.getRemainingTTL(key);
  if (left === undefined) return undefined;
  return Number.isFinite(left) ? Math.max(1, Math.ceil(left)) : null;
}

/**
 * Counts the variant, and removes those that were made longest ago where there are too many. Of two threads at once one may
 * miss the other's; a variant that is counted nowhere goes with its TTL. The list goes with the index: of those that
 * outlived theirs a short-lived page would leave one behind each time it is made.
 * @param {Visit} visit
 * @param {string} id
 * @param {string} variant
 * @param {number | null | undefined} ttl The index's.
 */
function makeRoom(visit, id, variant, ttl) {
  const { cache, maxVariants } = visit.settings;
  const listKey = keys.listKey(id);
  const before = /** @type {string[]} */ (cache.getSync(listKey) ?? []);
  const all = [...before.filter((other) => other !== variant), variant];
  for (const other of all.splice(0, all.length - maxVariants)) cache.deleteSync(keys.variantKey(id, other));
  cache.setSync(listKey, all, { ttl, tags: [keys.variantsTag(visit.key)] });
}

module.exports = { isIndex, loadHead, loadVariant };
