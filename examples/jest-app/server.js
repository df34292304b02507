'use strict';

const { open } = require('redstart');
const { createApp } = require('./app');

const store = open('memory:shop');
const server = createApp({ store }).listen(process.env.PORT ?? 3000, () => {
  console.log(`The shop is open: http://localhost:${server.address().port}/products/teapot`);
});

process.once('SIGTERM', () => {
  server.close(() => store.close());
});
