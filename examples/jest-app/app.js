'use strict';

const { randomUUID } = require('node:crypto');
const express = require('express');
const session = require('express-session');
const { RedstartError, UnrecoverableError } = require('redstart');
const { rateLimit } = require('redstart/express');
const { SessionStore } = require('redstart/express-session');
const accounts = require('./accounts');
const { createCatalog } = require('./catalog');
const { createOutbox } = require('./outbox');

/**
 * The shop. It is handed its store and opens none itself, so that a test can give it a fresh one and stop its time.
 * Closing the store stops the shop's worker.
 */
function createApp({
  store,
  clock,
  catalog = createCatalog(),
  outbox = createOutbox(),
  secret = process.env.SESSION_SECRET ?? randomUUID(),
}) {
  const now = () => clock?.nowMs ?? Date.now();
  const products = store.cache('products', { ttl: '5m', maxSize: '8mb' });
  const orders = new Map();
  const receipts = startReceipts({ store, orders, outbox });
  const app = express();

  app.use(express.json());
  app.use(
    session({
      store: new SessionStore({ sessions: store.sessions('web', { ttl: '30m' }) }),
      secret,
      resave: false,
      saveUninitialized: false,
    }),
  );

  const loginLimit = rateLimit({ limiter: store.limiter('login', { limit: 5, window: '1m' }) });

  app.post('/login', loginLimit, async (req, res) => {
    const { email, password } = req.body;
    if (!(await accounts.verify(email, password))) return res.status(401).json({ error: 'wrong email or password' });
    await regenerate(req);
    req.session.email = email;
    res.json({ email });
  });

  app.post('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.status(204).end()));
  });

  app.get('/me', loggedIn, (req, res) => {
    res.json({ email: req.session.email });
  });

  const findProduct = (id) => products.getOrSet(id, () => catalog.find(id));

  app.get('/products/:id', async (req, res) => {
    const product = await findProduct(req.params.id);
    if (!product) return res.status(404).json({ error: 'no such product' });
    res.json(product);
  });

  app.put('/products/:id/price', loggedIn, async (req, res) => {
    const { id } = req.params;
    if (!(await catalog.setPrice(id, req.body.price))) return res.status(404).json({ error: 'no such product' });
    await products.delete(id);
    res.status(204).end();
  });

  app.post('/orders', loggedIn, async (req, res) => {
    const product = await findProduct(req.body.productId);
    if (!product) return res.status(404).json({ error: 'no such product' });
    const { email } = req.session;
    const order = { id: randomUUID(), email, product, placedAt: new Date(now()).toISOString(), cancelled: false };
    orders.set(order.id, order);
    await receipts.add('receipt', { orderId: order.id }, { jobId: order.id, delay: '30s' });
    res.status(202).json(order);
  });

  app.get('/orders/:id', loggedIn, ownOrder, async (req, res) => {
    const job = await receipts.getJob(req.order.id);
    res.json({ ...req.order, receipt: job ? await job.getState() : 'unknown' });
  });

  app.delete('/orders/:id', loggedIn, ownOrder, (req, res) => {
    req.order.cancelled = true;
    res.status(204).end();
  });

  function ownOrder(req, res, next) {
    req.order = orders.get(req.params.id);
    if (req.order?.email === req.session.email) return next();
    res.status(404).json({ error: 'no such order' });
  }

  app.use((error, _req, res, next) => {
    if (res.headersSent) return next(error);
    const busy = RedstartError.is(error) && error.retryable;
    res.status(busy ? 503 : (error.status ?? 500)).json({ error: error.message });
  });

  return app;
}

/** A receipt leaves half a minute after its order, unless that was cancelled; a mail server gets three tries. */
function startReceipts({ store, orders, outbox }) {
  const receipts = store.queue('receipts', {
    defaultJobOptions: { attempts: 3, backoff: { type: 'exponential', delay: '1m' } },
  });

  receipts.process(async (job) => {
    const { email, product, cancelled } = orders.get(job.data.orderId);
    if (cancelled) return 'cancelled';
    try {
      await outbox.send({
        to: email,
        subject: `Your ${product.name}`,
        text: `${(product.price / 100).toFixed(2)} EUR`,
      });
    } catch (error) {
      if (error.responseCode >= 500) throw new UnrecoverableError(error.message, { cause: error });
      throw error;
    }
    return 'sent';
  });

  return receipts;
}

function loggedIn(req, res, next) {
  if (req.session.email) return next();
  res.status(401).json({ error: 'log in first' });
}

/** A new session id at login, so that one planted before it is worth nothing. */
function regenerate(req) {
  return new Promise((resolve, reject) => req.session.regenerate((error) => (error ? reject(error) : resolve())));
}

module.exports = { createApp };
