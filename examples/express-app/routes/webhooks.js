'use strict';

const { Router } = require('express');
const { UnrecoverableError } = require('redstart');
const { requireLogin } = require('../auth.js');
const { requirePublic } = require('../public-address.js');
const { webhooksPage } = require('../views/webhooks.js');

const RECEIVERS_MAX = 5;
const URL_CHARACTERS_MAX = 500;

/** Where a member's webhooks go: list, register, unregister. */
function webhookRoutes({ config, receivers }) {
  const routes = Router();
  routes.use('/account/webhooks', requireLogin);

  routes.get('/account/webhooks', (req, res) => {
    res.send(webhooksPage({ user: req.user, receivers: receivers.of(req.user.id) }));
  });

  routes.post('/account/webhooks', async (req, res) => {
    const url = String(req.body?.url ?? '').trim();
    const own = receivers.of(req.user.id);
    const problem =
      own.length < RECEIVERS_MAX ? await problemOf(url) : `A member has at most ${RECEIVERS_MAX} of them.`;
    if (problem) {
      res.status(422).send(webhooksPage({ user: req.user, receivers: own, url, problem }));
      return;
    }
    await receivers.add({ userId: req.user.id, url });
    res.redirect(303, '/account/webhooks');
  });

  routes.post('/account/webhooks/remove', async (req, res) => {
    const id = String(req.body?.id ?? '');
    // Only one's own, whatever id was sent.
    if (receivers.get(id)?.userId === req.user.id) {
      await receivers.remove(id);
    }
    res.redirect(303, '/account/webhooks');
  });

  /** Asked here to tell the member early; what counts is the question at each delivery. */
  async function problemOf(url) {
    if (!URL.canParse(url) || url.length > URL_CHARACTERS_MAX) {
      return 'This does not look like a URL.';
    }
    try {
      await requirePublic(new URL(url), { allowLoopback: config.webhooksToLoopback });
      return undefined;
    } catch (error) {
      return error instanceof UnrecoverableError ? `Not there: ${error.message}.` : 'This address was not found.';
    }
  }

  return routes;
}

module.exports = { webhookRoutes };
