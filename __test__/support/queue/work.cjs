'use strict';
module.exports = async (job) => `${job.name} in CommonJS`;
