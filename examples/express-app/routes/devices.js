'use strict';

const { Router } = require('express');
const { requireLogin } = require('../auth.js');
const { devicesPage } = require('../views/devices.js');
const { messagePage } = require('../views/layout.js');

/** "Your devices": where a member is logged in, and the buttons that end it there. */
function deviceRoutes({ state }) {
  const routes = Router();
  routes.use('/account/devices', requireLogin);

  routes.get('/account/devices', async (req, res) => {
    const sessions = await state.sessions.listUser(req.user.id);
    const present = await state.sessions.getEntry(req.sessionID);
    const devices = sessions.map(({ handle, data, createdAt, lastSeenAt }) => ({
      handle,
      name: data.login.device,
      since: createdAt,
      lastSeen: lastSeenAt,
      isThis: handle === present?.handle,
    }));
    res.send(devicesPage({ user: req.user, devices }));
  });

  routes.post('/account/devices/log-out', async (req, res) => {
    // A handle is no secret and ends whatever session it names: only one that is on this member's own list may be used.
    const handle = String(req.body?.handle ?? '');
    const own = await state.sessions.listUser(req.user.id);
    if (!own.some((session) => session.handle === handle)) {
      const text = 'That device is not logged in any more.';
      res.status(404).send(messagePage({ title: 'No such device', user: req.user, text }));
      return;
    }
    await state.sessions.destroyHandle(handle);
    res.redirect(303, '/account/devices');
  });

  routes.post('/account/devices/log-out-others', async (req, res) => {
    await state.sessions.destroyUser(req.user.id, { except: req.sessionID });
    res.redirect(303, '/account/devices');
  });

  return routes;
}

module.exports = { deviceRoutes };
