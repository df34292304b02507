'use strict';

const { manualClock, open } = require('redstart');
const supertest = require('supertest');
const { createApp } = require('../app');
const { createCatalog } = require('../catalog');
const { createOutbox } = require('../outbox');

const ADA = { email: 'ada@example.com', password: 'analytical engine' };
const GRACE = { email: 'grace@example.com', password: 'first actual bug' };

/** A shop for one test: 'memory:' is a store nobody else sees, and its time stands still until the test moves it. */
function openShop() {
  const clock = manualClock();
  const store = open('memory:', { clock });
  const catalog = createCatalog();
  const outbox = createOutbox();
  const app = createApp({ store, clock, catalog, outbox });
  return { app, clock, store, catalog, outbox, close: () => store.close() };
}

/** A browser: it keeps its cookies from one request to the next. */
function visit(app) {
  return supertest.agent(app);
}

async function visitAs(app, account) {
  const visitor = visit(app);
  await visitor.post('/login').send(account).expect(200);
  return visitor;
}

module.exports = { ADA, GRACE, openShop, visit, visitAs };
