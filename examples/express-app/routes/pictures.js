'use strict';

const path = require('node:path');
const express = require('express');
const { requireLogin } = require('../auth.js');
const { SIZES } = require('../pictures.js');
const { messagePage } = require('../views/layout.js');

const UPLOAD = '4mb';
// What pictures.js names them. No dots and no slashes, so no name leads out of the directory.
const NAME = /^([0-9a-f-]{36})-(\d{1,4})$/;

function pictureRoutes({ pictures }) {
  const routes = express.Router();
  // Bounded before it is read into memory: above the limit the answer is 413.
  const upload = express.raw({ type: 'multipart/form-data', limit: UPLOAD });

  routes.post('/account/picture', requireLogin, upload, async (req, res) => {
    const picture = await pictureIn(req);
    const job = picture && (await pictures.upload(req.user.id, picture));
    if (!job) {
      const text = 'This is no picture in PNG, JPEG or WebP.';
      res.status(415).send(messagePage({ title: 'No picture', user: req.user, text }));
      return;
    }
    req.session.pictureJob = job.id;
    res.redirect(303, '/account');
  });

  /** What becomes of the last upload, for a page that wants to show its progress. */
  routes.get('/account/picture.json', requireLogin, async (req, res) => {
    const last = await pictures.look(req.session.pictureJob);
    const sizes = SIZES.map((pixels) => `/pictures/${req.user.id}-${pixels}.webp`);
    res.set('Cache-Control', 'no-store').json({ ...last, sizes });
  });

  routes.get('/pictures/:name.webp', (req, res, next) => {
    const [, userId, pixels] = NAME.exec(req.params.name) ?? [];
    if (!userId || !SIZES.includes(Number(pixels))) {
      next();
      return;
    }
    const { dir, base } = path.parse(pictures.file(userId, pixels));
    res.sendFile(base, { root: dir }, (error) => error && next(error.status === 404 ? undefined : error));
  });

  return routes;
}

/** The file from the form's field "picture". Node's own Response knows how to read such a form. */
async function pictureIn(req) {
  if (!Buffer.isBuffer(req.body)) {
    return undefined;
  }
  const headers = { 'content-type': req.get('content-type') };
  const form = await new Response(req.body, { headers }).formData().catch(() => undefined);
  const file = form?.get('picture');
  return file instanceof Blob ? Buffer.from(await file.arrayBuffer()) : undefined;
}

module.exports = { pictureRoutes };
