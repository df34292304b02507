'use strict';
/** Middleware for Express, Connect and plain node:http. */
const { cacheResponse } = require('./cache-response.js');
const { rateLimit } = require('./rate-limit.js');

module.exports = { rateLimit, cacheResponse };
