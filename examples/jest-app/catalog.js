'use strict';

/** Stands for the slow database of the shop. `reads` counts how often it was asked. */
function createCatalog() {
  const products = new Map([
    ['teapot', { id: 'teapot', name: 'Teapot, cast iron', price: 4900 }],
    ['kettle', { id: 'kettle', name: 'Kettle, enamel', price: 3200 }],
  ]);

  return {
    reads: 0,

    async find(id) {
      this.reads += 1;
      return products.get(id);
    },

    async setPrice(id, price) {
      const product = products.get(id);
      if (product) products.set(id, { ...product, price });
      return product !== undefined;
    },
  };
}

module.exports = { createCatalog };
