// Through import here, through require beside it, through a second load of lib/ as Jest makes one, through import in a
// thread: one store.
import { createRequire } from 'node:module';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { open, RedstartError } from 'redstart';

const require = createRequire(import.meta.url);

if (isMainThread) {
  const required = require('redstart');
  await open('memory:app').cache('pages', { ttl: null }).set('imported', 1);
  await required.open('memory:app').cache('pages').set('required', 2);

  const own = Object.keys(require.cache).filter((file) => !file.endsWith('.node'));
  for (const file of own) delete require.cache[file];
  const again = require('redstart');
  await again.open('memory:app').cache('pages').set('again', 3);

  const [inThread] = await new Promise((resolve, reject) => {
    new Worker(new URL(import.meta.url)).on('message', (...all) => resolve(all)).on('error', reject);
  });
  const cache = open('memory:app').cache('pages');
  const error = await again
    .open('memory:app')
    .cache('pages')
    .set(1, 1)
    .catch((thrown) => thrown);
  console.log(
    JSON.stringify({
      values: [cache.getSync('imported'), cache.getSync('required'), cache.getSync('again'), cache.getSync('thread')],
      inThread,
      loadedTwice: again.open !== open,
      sameError: RedstartError.is(error, 'ERR_INVALID_ARG'),
    }),
  );
} else {
  const cache = open('memory:app').cache('pages');
  cache.setSync('thread', 4);
  parentPort.postMessage([cache.getSync('imported'), cache.getSync('required'), cache.getSync('again')]);
}
