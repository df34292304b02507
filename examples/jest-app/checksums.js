'use strict';

const { createHash } = require('node:crypto');

/** Work for a thread of its own, which the shop's event loop is not to wait for. */
module.exports = async (job) => {
  await job.updateProgress('hashing');
  return createHash('sha256').update(job.data.text).digest('hex');
};
