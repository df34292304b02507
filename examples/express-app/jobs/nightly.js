'use strict';

const fs = require('node:fs/promises');
const path = require('node:path');
const { DRAFT } = require('../files.js');
const { UPLOADS } = require('../pictures.js');

const LETTER_AFTER = '30d';
const LEFTOVER_AFTER_MS = 24 * 60 * 60 * 1000;

/** At three in the morning where the readers sleep. Said at each start: what is equal changes nothing. */
function scheduleNights(nightly) {
  return nightly.upsertJobScheduler(
    'sweep',
    { pattern: '0 3 * * *', tz: 'Europe/Berlin' },
    { name: 'sweep', data: {} },
  );
}

/**
 * Deletes what a process that died has left behind: drafts of files (files.js), and uploads that no job made a picture of.
 * Nothing that is younger than a day: somebody may still be at work on it. Dead letters go as well, after a month. Twice is
 * as good as once.
 */
async function sweep(job, { dataDir, deadLetters }) {
  // They take room that living jobs need, and after a month nobody is going to send them.
  const letters = await deadLetters.clean('waiting', { olderThan: LETTER_AFTER });
  await job.log(`removed ${letters.length} dead letters`);
  const entries = await fs.readdir(dataDir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && (DRAFT.test(entry.name) || path.basename(entry.parentPath) === UPLOADS))
    .map((entry) => path.join(entry.parentPath, entry.name));
  let removed = 0;
  for (const [index, file] of files.entries()) {
    job.signal.throwIfAborted();
    if (await isOld(file)) {
      await fs.rm(file, { force: true });
      await job.log(`removed ${path.relative(dataDir, file)}`);
      removed += 1;
    }
    await job.updateProgress({ done: index + 1, of: files.length });
  }
  return { removed };
}

async function isOld(file) {
  // Gone is not old: whoever it belonged to has finished with it in the meantime.
  const stat = await fs.stat(file).catch(() => undefined);
  return stat !== undefined && Date.now() - stat.mtimeMs > LEFTOVER_AFTER_MS;
}

module.exports = { scheduleNights, sweep };
