'use strict';

/** Where receipts leave the shop. A real one speaks SMTP; a test looks at `sent`, or spies on `send` to make it fail. */
function createOutbox() {
  return {
    sent: [],

    async send(mail) {
      this.sent.push(mail);
    },
  };
}

module.exports = { createOutbox };
