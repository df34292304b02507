'use strict';
// What compilers make of `export default`.
Object.defineProperty(exports, '__esModule', { value: true });
exports.default = async (job) => `${job.name} transpiled`;
