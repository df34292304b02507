'use strict';

const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { performance } = require('node:perf_hooks');
const { expect, waitFor, within } = require('./expect.js');

const START_TIMEOUT_MS = 15_000;
// The app gives up by itself after nine seconds.
const STOP_TIMEOUT_MS = 12_000;
const LOG_LINES_MAX = 500;

/** The example app as a child process: on one port for all its lives, with a data directory that ends with the demo. */
class AppProcess {
  static async create({ dir, smtpUrl }) {
    return new AppProcess({ dir, smtpUrl, port: await freePort() });
  }

  constructor({ dir, smtpUrl, port }) {
    this.dir = dir;
    this.dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'redstart-demo-'));
    this.base = `http://127.0.0.1:${port}`;
    this.env = {
      HOST: '127.0.0.1',
      PORT: String(port),
      DATA_DIR: this.dataDir,
      SMTP_URL: smtpUrl,
      // The demo's receiver of webhooks listens on this machine.
      WEBHOOKS_TO_LOOPBACK: '1',
      // The demo is the proxy in front, too: its visitors come from several addresses.
      TRUST_PROXY: '1',
      // The same after the restart: what is lost then is the session, not the signature of its cookie.
      SESSION_SECRET: crypto.randomBytes(32).toString('base64url'),
    };
    this.log = [];
    this.onLine = () => {};
  }

  /** Resolves with the milliseconds until the app answered. */
  async start() {
    const startedAt = performance.now();
    this.child = spawn(process.execPath, ['server.js'], {
      cwd: this.dir,
      env: { ...process.env, ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exit = new Promise((resolve) => {
      this.child.once('error', (error) => resolve(error.message));
      this.child.once('exit', (code, signal) => resolve(signal ?? code));
    });
    this.exit.then((how) => {
      this.exited = how;
    });
    this.exited = undefined;
    this.keepLines(this.child.stdout);
    this.keepLines(this.child.stderr);
    await waitFor(() => this.answers(), {
      timeoutMs: START_TIMEOUT_MS,
      expected: `GET ${this.base}/healthz to answer 200`,
      seen: () => 'no answer',
    });
    return performance.now() - startedAt;
  }

  /** Sends SIGTERM; resolves with the milliseconds to the exit and its code (or the name of a signal). */
  async stop() {
    const startedAt = performance.now();
    this.child.kill('SIGTERM');
    const code = await within(STOP_TIMEOUT_MS, 'the app to end after SIGTERM', this.exit);
    return { code, ms: performance.now() - startedAt };
  }

  /** For the end of the demo, however it comes: nothing is left behind. */
  async remove() {
    if (this.child && this.exited === undefined) {
      await this.stop().catch(() => this.child.kill('SIGKILL'));
    }
    fs.rmSync(this.dataDir, { recursive: true, force: true });
  }

  async answers() {
    expect(this.exited === undefined, 'the app to start', `it ended with ${this.exited}`);
    const response = await fetch(`${this.base}/healthz`, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
    await response?.body?.cancel();
    return response?.status === 200;
  }

  keepLines(stream) {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        this.log.push(line);
        this.onLine(line);
      }
      this.log.splice(0, this.log.length - LOG_LINES_MAX);
    });
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

module.exports = { AppProcess };
