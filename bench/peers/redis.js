/**
 * The real redis-server that rivals are measured against: found, installed by the system's package manager where it is
 * missing, started on loopback without persistence, and stopped in every end of the parent.
 */
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { run } = require('../../scripts/run.js');
const { systemCommand } = require('../../scripts/setup/system-package.js');

const START_TIMEOUT_MS = 10_000;

/**
 * Ends the server as soon as the parent's end of the pipe is closed, whatever closed it: an end that no handler of the
 * parent sees (SIGKILL) included.
 */
const GUARD = '"$@" & server=$!; cat > /dev/null; kill "$server"; wait "$server"; rmdir "$0"';

/** Installs redis-server where it is missing; says why where it could not. @param {(line: string) => void} log */
async function install(log) {
  const packages = { 'apt-get': 'redis-server', rest: 'redis' };
  const { found, installed, why } = await systemCommand('redis-server', packages, { log, sudo: true });
  // Debian's package starts a service as it is installed. Nobody asked for that one.
  if (installed && fs.existsSync('/run/systemd/system')) {
    log('the service that came with redis-server is stopped');
    await run('systemctl', ['disable', '--now', '--quiet', 'redis-server'], { timeoutMs: 60_000 });
  }
  return found ? undefined : why;
}

/** A port that nobody listens on. @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {net.AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** Whether the server there answers. @param {number} port @returns {Promise<boolean>} */
function answers(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const end = (/** @type {boolean} */ answered) => {
      socket.destroy();
      resolve(answered);
    };
    socket.on('data', (data) => end(data.toString().startsWith('+PONG')));
    socket.on('error', () => end(false));
    socket.setTimeout(1_000, () => end(false));
  });
}

/**
 * A server that runs, or why there is none. It ends with this process.
 * @param {(line: string) => void} log
 * @returns {Promise<{ url: string, version: string, stop: () => Promise<void> } | { why: string }>}
 */
async function startRedis(log) {
  if (process.platform === 'win32') return { why: 'redis-server does not run on Windows' };
  const why = await install(log);
  if (why !== undefined) return { why };
  const said = (await run('redis-server', ['--version'], { timeoutMs: 10_000 })).output;
  const version = /\bv=(\S+)/.exec(said)?.[1] ?? said.trim();
  const port = await freePort();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'redstart-bench-redis-'));
  const options = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no', '--dir', folder];
  // In a group of its own: Ctrl-C goes to the parent alone, which ends the server by its pipe.
  const guard = spawn('sh', ['-c', GUARD, folder, 'redis-server', ...options], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [guard.stdout, guard.stderr]) {
    stream.on('data', (text) => {
      output = (output + text).slice(-2_000);
    });
  }
  const ended = new Promise((resolve) => guard.on('close', resolve));
  const stop = async () => {
    guard.stdin.end();
    await ended;
  };
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; ) {
    if (await answers(port)) return { url: `redis://127.0.0.1:${port}`, version, stop };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop();
  return { why: `redis-server did not start: ${output.trim().split('\n').slice(-3).join(' ')}` };
}

module.exports = { startRedis };
