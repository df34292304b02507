'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');

const UPLOADS = 'uploads';
const SIZES = [256, 64];

// What a file is, its first bytes say; its name and the type that the browser sent along are only claims.
const BEGINNINGS = [
  { type: 'image/png', at: 0, bytes: '89504e470d0a1a0a' },
  { type: 'image/jpeg', at: 0, bytes: 'ffd8ff' },
  { type: 'image/webp', at: 8, bytes: '57454250' },
];

/** Members' pictures: files, of which the queue "pictures" makes the right sizes. */
class Pictures {
  static async open(dataDir, queue) {
    const [uploads, dir] = [path.join(dataDir, UPLOADS), path.join(dataDir, 'pictures')];
    await fs.mkdir(uploads, { recursive: true });
    await fs.mkdir(dir, { recursive: true });
    return new Pictures({ uploads, dir, queue });
  }

  constructor({ uploads, dir, queue }) {
    this.uploads = uploads;
    this.dir = dir;
    this.queue = queue;
  }

  /** Keeps the upload and queues the work on it; the job, or undefined for what is no picture. */
  async upload(userId, content) {
    if (typeOf(content) === undefined) {
      return undefined;
    }
    const upload = path.join(this.uploads, crypto.randomUUID());
    await fs.writeFile(upload, content);
    // Paths, not pixels: a job's data is kept and copied, and is to stay small.
    const sizes = SIZES.map((pixels) => [pixels, this.file(userId, pixels)]);
    return this.queue.add('resize', { upload, sizes }, { group: { id: userId } });
  }

  /** What became of an upload: { state, progress, problem }, or undefined once it was forgotten. */
  async look(jobId) {
    const job = jobId && (await this.queue.getJob(jobId));
    return job && { state: await job.getState(), progress: job.progress ?? 0, problem: job.failedReason };
  }

  file(userId, pixels) {
    return path.join(this.dir, `${userId}-${pixels}.webp`);
  }

  has(userId) {
    return fs.access(this.file(userId, SIZES[0])).then(
      () => true,
      () => false,
    );
  }
}

function typeOf(content) {
  return BEGINNINGS.find(({ at, bytes }) => content.toString('hex', at, at + bytes.length / 2) === bytes)?.type;
}

module.exports = { Pictures, SIZES, UPLOADS };
