'use strict';

/**
 * Queues a webhook for every receiver: all or none. Each receiver is a group, and jobs/start.js works on one of a group at a
 * time. What is sent is in the job; whereto and with which secret is looked up when it is sent.
 */
async function announce({ receivers, state }, event, payload) {
  const jobs = receivers.all().map(({ id }) => {
    return { name: event, data: { receiver: id, payload }, opts: { group: { id } } };
  });
  await state.webhooks.addBulk(jobs);
}

module.exports = { announce };
