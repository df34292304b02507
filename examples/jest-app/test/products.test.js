'use strict';

const { ADA, openShop, visit, visitAs } = require('./shop');

let shop;

beforeEach(() => {
  shop = openShop();
});
afterEach(() => shop.close());

describe('a product page', () => {
  test('asks the catalog once, however often it is looked at', async () => {
    const visitor = visit(shop.app);
    const first = await visitor.get('/products/teapot').expect(200);
    const second = await visitor.get('/products/teapot').expect(200);

    expect(first.body).toStrictEqual({ id: 'teapot', name: 'Teapot, cast iron', price: 4900 });
    expect(second.body).toStrictEqual(first.body);
    expect(shop.catalog.reads).toBe(1);
    expect((await shop.store.stats()).caches.products).toMatchObject({ hits: 1, misses: 1, entries: 1 });
  });

  test('asks the catalog once for a crowd that arrives together', async () => {
    let answer;
    const find = jest.spyOn(shop.catalog, 'find').mockReturnValue(new Promise((resolve) => (answer = resolve)));
    const products = shop.store.cache('products');
    const crowd = Array.from({ length: 20 }, () => products.getOrSet('teapot', () => shop.catalog.find('teapot')));

    answer({ id: 'teapot', price: 1 });

    expect(await Promise.all(crowd)).toStrictEqual(Array(20).fill({ id: 'teapot', price: 1 }));
    expect(find).toHaveBeenCalledTimes(1);
  });

  test('is kept for five minutes and read again after them', async () => {
    const visitor = visit(shop.app);
    await visitor.get('/products/teapot').expect(200);

    shop.clock.advance('4m');
    shop.clock.advance('59s');
    await visitor.get('/products/teapot').expect(200);
    expect(shop.catalog.reads).toBe(1);

    shop.clock.advance('1s');
    await visitor.get('/products/teapot').expect(200);
    expect(shop.catalog.reads).toBe(2);
  });

  test('shows a new price at once', async () => {
    const ada = await visitAs(shop.app, ADA);
    await ada.get('/products/teapot').expect(200);

    await ada.put('/products/teapot/price').send({ price: 3900 }).expect(204);

    const { body } = await ada.get('/products/teapot').expect(200);
    expect(body.price).toBe(3900);
    expect(shop.catalog.reads).toBe(2);
  });

  test('that does not exist is not remembered as missing', async () => {
    const visitor = visit(shop.app);
    await visitor.get('/products/samovar').expect(404);
    await visitor.get('/products/samovar').expect(404);
    expect(shop.catalog.reads).toBe(2);
  });

  test('fails while the catalog is down, and recovers with it', async () => {
    jest.spyOn(shop.catalog, 'find').mockRejectedValueOnce(new Error('the catalog is down'));
    const visitor = visit(shop.app);

    await visitor.get('/products/teapot').expect(500, { error: 'the catalog is down' });
    await visitor.get('/products/teapot').expect(200);
  });
});
