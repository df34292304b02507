'use strict';

const { SMTPServer } = require('smtp-server');

const PORT = 1025;

/** A mail server for development: takes every letter, prints it, keeps nothing. */
const server = new SMTPServer({
  disabledCommands: ['AUTH', 'STARTTLS'],
  size: 1024 * 1024,
  onData(stream, session, done) {
    const to = session.envelope.rcptTo.map((recipient) => recipient.address).join(', ');
    console.log(`--- to ${to}`);
    stream.pipe(process.stdout, { end: false });
    stream.on('end', () => done());
  },
});

server.on('error', (error) => console.error('Mailbox:', error.message));
server.listen(PORT, '127.0.0.1', () => console.log(`Mail for smtp://127.0.0.1:${PORT} is printed here.`));
