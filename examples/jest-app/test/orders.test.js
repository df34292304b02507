'use strict';

const { ADA, GRACE, openShop, visit, visitAs } = require('./shop');

let shop;
let ada;

beforeEach(async () => {
  shop = openShop();
  ada = await visitAs(shop.app, ADA);
});
afterEach(async () => {
  expect(await shop.close()).toStrictEqual({ dropped: {} });
});

async function orderTeapot() {
  const { body } = await ada.post('/orders').send({ productId: 'teapot' }).expect(202);
  return body;
}

async function receiptOf(order) {
  const { body } = await ada.get(`/orders/${order.id}`).expect(200);
  return body.receipt;
}

const mailServerIsDown = () => new Error('connection refused');

describe('an order', () => {
  test('is dated by the clock of the test and mailed half a minute later', async () => {
    const order = await orderTeapot();
    expect(order.placedAt).toBe(new Date(shop.clock.nowMs).toISOString());

    await shop.clock.advanceAsync('29s');
    expect(await receiptOf(order)).toBe('delayed');
    expect(shop.outbox.sent).toHaveLength(0);

    await shop.clock.advanceAsync('1s');
    expect(await receiptOf(order)).toBe('completed');
    expect(shop.outbox.sent).toStrictEqual([{ to: ADA.email, subject: 'Your Teapot, cast iron', text: '49.00 EUR' }]);
  });

  test('that was cancelled in time is never mailed', async () => {
    const order = await orderTeapot();
    await shop.clock.advanceAsync('20s');
    await ada.delete(`/orders/${order.id}`).expect(204);

    await shop.clock.advanceAsync('1h');
    expect(shop.outbox.sent).toHaveLength(0);

    const job = await shop.store.queue('receipts').getJob(order.id);
    expect(await job.result()).toBe('cancelled');
  });

  test('waits one minute, then two, while the mail server is down', async () => {
    const send = jest.spyOn(shop.outbox, 'send');
    send.mockRejectedValueOnce(mailServerIsDown()).mockRejectedValueOnce(mailServerIsDown());
    const order = await orderTeapot();

    await shop.clock.advanceAsync('30s');
    expect(send).toHaveBeenCalledTimes(1);

    await shop.clock.advanceAsync('59s');
    expect(send).toHaveBeenCalledTimes(1);
    await shop.clock.advanceAsync('1s');
    expect(send).toHaveBeenCalledTimes(2);

    await shop.clock.advanceAsync('119s');
    expect(send).toHaveBeenCalledTimes(2);
    await shop.clock.advanceAsync('1s');
    expect(send).toHaveBeenCalledTimes(3);

    expect(shop.outbox.sent).toHaveLength(1);
    expect(await receiptOf(order)).toBe('completed');
  });

  test('gets through all its retries in one leap of the clock', async () => {
    const tries = [];
    jest.spyOn(shop.outbox, 'send').mockImplementation(async () => {
      tries.push(shop.clock.nowMs);
      throw mailServerIsDown();
    });
    const order = await orderTeapot();
    const start = shop.clock.nowMs;

    await shop.clock.advanceAsync('10m');

    expect(tries.map((ms) => (ms - start) / 1000)).toStrictEqual([30, 90, 210]);
    expect(await receiptOf(order)).toBe('failed');
  });

  test('is not tried again when the mail server says that the address does not exist', async () => {
    const noSuchUser = Object.assign(new Error('550 no such user'), { responseCode: 550 });
    const send = jest.spyOn(shop.outbox, 'send').mockRejectedValue(noSuchUser);
    const order = await orderTeapot();

    await shop.clock.advanceAsync('1d');

    expect(send).toHaveBeenCalledTimes(1);
    const job = await shop.store.queue('receipts').getJob(order.id);
    expect(job.failedReason).toContain('550 no such user');
  });

  test('is nobody else’s business', async () => {
    const order = await orderTeapot();
    const grace = await visitAs(shop.app, GRACE);

    await grace.get(`/orders/${order.id}`).expect(404);
    await grace.delete(`/orders/${order.id}`).expect(404);
    await visit(shop.app).post('/orders').send({ productId: 'teapot' }).expect(401);

    await shop.clock.advanceAsync('30s');
    expect(shop.outbox.sent).toHaveLength(1);
  });
});

test('the same job id twice is one job', async () => {
  const receipts = shop.store.queue('receipts');
  const order = await orderTeapot();
  const again = await receipts.add('receipt', { orderId: order.id }, { jobId: order.id });

  expect(again).toMatchObject({ id: order.id, added: false });
  await shop.clock.advanceAsync('1m');
  expect(shop.outbox.sent).toHaveLength(1);
});

test('what a job is doing can be watched', async () => {
  const seen = [];
  const receipts = shop.store.queue('receipts');
  for (const event of ['added', 'retrying', 'failed']) receipts.on(event, () => seen.push(event));
  const completed = new Promise((resolve) => receipts.on('completed', resolve));
  jest.spyOn(shop.outbox, 'send').mockRejectedValueOnce(mailServerIsDown());

  const order = await orderTeapot();
  await shop.clock.advanceAsync('10m');

  expect(await completed).toMatchObject({ jobId: order.id, result: 'sent' });
  expect(seen).toStrictEqual(['added', 'retrying']);
});
