'use strict';

const supertest = require('supertest');
const { ADA, openShop, visit, visitAs } = require('./shop');

const WRONG = { email: ADA.email, password: 'a guess' };

let shop;

beforeEach(() => {
  shop = openShop();
});
afterEach(() => shop.close());

const sessionCookie = (response) => response.get('Set-Cookie')[0].split(';')[0];
const sessionsAlive = async () => (await shop.store.stats()).sessions.web.live;

describe('a session', () => {
  test('starts at login, knows its visitor and ends at logout', async () => {
    const ada = visit(shop.app);
    await ada.get('/me').expect(401);

    await ada.post('/login').send(ADA).expect(200, { email: ADA.email });
    await ada.get('/me').expect(200, { email: ADA.email });

    await ada.post('/logout').expect(204);
    await ada.get('/me').expect(401);
    expect(await sessionsAlive()).toBe(0);
  });

  test('ends after thirty idle minutes, and every request starts them anew', async () => {
    const ada = await visitAs(shop.app, ADA);

    shop.clock.advance('29m');
    await ada.get('/me').expect(200);
    shop.clock.advance('29m');
    await ada.get('/me').expect(200);

    shop.clock.advance('31m');
    await ada.get('/me').expect(401);
    expect(await sessionsAlive()).toBe(0);
  });

  test('gets a new id at login, and the old id is worth nothing afterwards', async () => {
    const ada = visit(shop.app);
    const before = sessionCookie(await ada.post('/login').send(ADA));
    const after = sessionCookie(await ada.post('/login').send(ADA));

    expect(after).not.toBe(before);
    await supertest(shop.app).get('/me').set('Cookie', before).expect(401);
    await supertest(shop.app).get('/me').set('Cookie', after).expect(200);
  });

  test('belongs to one visitor: the next browser has to log in itself', async () => {
    await visitAs(shop.app, ADA);
    await visit(shop.app).get('/me').expect(401);
  });

  test('is not made up for visitors who never log in', async () => {
    const stranger = visit(shop.app);
    await stranger.get('/me').expect(401);
    await stranger.get('/products/teapot').expect(200);

    expect(await sessionsAlive()).toBe(0);
  });
});

describe('the login', () => {
  test('takes five guesses a minute, then says when to come back and means it', async () => {
    const guesser = visit(shop.app);
    for (let guess = 1; guess <= 5; guess += 1) {
      const response = await guesser.post('/login').send(WRONG).expect(401);
      expect(response.get('X-RateLimit-Remaining')).toBe(String(5 - guess));
    }

    const denied = await guesser.post('/login').send(ADA).expect(429);
    expect(denied.get('X-RateLimit-Limit')).toBe('5');
    expect(denied.get('RateLimit-Policy')).toContain('q=5; w=60');
    const retryAfterSeconds = Number(denied.get('Retry-After'));
    expect(retryAfterSeconds).toBeGreaterThanOrEqual(60);

    shop.clock.advance((retryAfterSeconds - 1) * 1000);
    await guesser.post('/login').send(ADA).expect(429);
    shop.clock.advance('1s');
    await guesser.post('/login').send(ADA).expect(200);
  });

  test('starts every test with all its guesses left', async () => {
    const response = await visit(shop.app).post('/login').send(WRONG).expect(401);
    expect(response.get('X-RateLimit-Remaining')).toBe('4');
  });

  test('limits nothing but the login', async () => {
    const visitor = visit(shop.app);
    for (let guess = 1; guess <= 6; guess += 1) await visitor.post('/login').send(WRONG);

    await visitor.post('/login').send(WRONG).expect(429);
    const page = await visitor.get('/products/teapot').expect(200);
    expect(page.headers).not.toHaveProperty('x-ratelimit-limit');
  });
});
