'use strict';

// npm run build           the addon, with native.js and native.d.ts beside it
// npm run build:probe     the same with --features probe, as .cache/probe/redstart-probe.node
//
// With --if-needed, only when the binary that is there does not fit the sources.

require('./setup.js');
const { main, ROOT } = require('./run.js');
const { installModules } = require('./setup/node-modules.js');
const addon = require('./setup/addon.js');

main(async () => {
  await installModules(ROOT, console.log);
  const kind = process.argv.includes('--probe') ? 'probe' : 'addon';
  if (process.argv.includes('--if-needed') && addon.fits(kind)) return;
  await addon.build({ kind, show: true });
});
