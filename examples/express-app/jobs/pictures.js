'use strict';

const fs = require('node:fs/promises');
const sharp = require('sharp');
const { UnrecoverableError } = require('redstart');
const { writeWhole } = require('../files.js');

// A small file can unfold into a huge picture; no camera takes larger ones than this.
const PIXELS_MAX = 50_000_000;

// There are several of these threads already, and each picture is another one: no cache of them, no threads in threads.
sharp.concurrency(1);
sharp.cache(false);

/**
 * The handler of the queue "pictures", in a worker thread: jobs/start.js. Makes square pictures in WebP of what a member
 * uploaded. `data` is { upload, sizes: [[pixels, file]] }; the upload goes when its pictures are there.
 */
module.exports = async function makePictures(job) {
  const { upload, sizes } = job.data;
  const original = await readUpload(upload);
  for (const [done, [pixels, file]] of sizes.entries()) {
    const picture = await scaled(original, pixels);
    // Late is too late: the member's next picture may have been made since.
    job.signal.throwIfAborted();
    await writeWhole(file, picture);
    await job.updateProgress(Math.round((100 * (done + 1)) / sizes.length));
  }
  await fs.rm(upload, { force: true });
  return { pictures: sizes.length };
};

async function readUpload(file) {
  try {
    return await fs.readFile(file);
  } catch (error) {
    throw error.code === 'ENOENT' ? new UnrecoverableError('the upload is gone') : error;
  }
}

async function scaled(original, pixels) {
  try {
    // autoOrient() turns the picture as the camera was held; nothing else of what a camera notes (where it was!) is kept.
    return await sharp(original, { limitInputPixels: PIXELS_MAX })
      .autoOrient()
      .resize(pixels, pixels, { fit: 'cover' })
      .webp()
      .toBuffer();
  } catch (error) {
    throw new UnrecoverableError('this file is no picture that could be read', { cause: error });
  }
}
