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

const START_TIMEOUT_MS = 10_000;

/** By the first of these that is there. Some lists of packages are empty or old until they are fetched. */
const MANAGERS = [
  {
    command: 'apt-get',
    steps: [
      ['update', '-qq'],
      ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'],
    ],
  },
  { command: 'dnf', steps: [['install', '-y', '-q', 'redis']] },
  { command: 'yum', steps: [['install', '-y', '-q', 'redis']] },
  { command: 'apk', steps: [['add', '--quiet', 'redis']] },
  { command: 'pacman', steps: [['-Sy', '--noconfirm', 'redis']] },
  // Refuses to be run as root, and needs no root.
  { command: 'brew', steps: [['install', '--quiet', 'redis']], asUser: true },
];

/**
 * Ends the server as soon as the parent's end of the pipe is closed, whatever closed it: an end that no handler of the
 * parent sees (SIGKILL) included.
 */
const GUARD = '"$@" & server=$!; cat > /dev/null; kill "$server"; wait "$server"; rmdir "$0"';

/** Where a command is. @param {string} name */
function inPath(name) {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  // An account that is not root often has no folder of system commands in its PATH.
  if (process.platform !== 'win32') folders.push('/usr/local/bin', '/usr/bin', '/usr/sbin', '/opt/homebrew/bin');
  return folders.map((folder) => path.join(folder, name)).find((file) => fs.existsSync(file));
}

/** What a command is called with to be root, or undefined where that needs a password. */
async function asRoot() {
  if (process.getuid?.() === 0) return [];
  const { code } = await run('sudo', ['-n', 'true'], { timeoutMs: 10_000 });
  return code === 0 ? ['sudo', '-n'] : undefined;
}

/**
 * Installs redis-server; says why where it could not.
 * @param {(line: string) => void} log @returns {Promise<string | undefined>}
 */
async function install(log) {
  const manager = MANAGERS.find(({ command }) => inPath(command) !== undefined);
  if (manager === undefined) return 'redis-server is missing, and so is a package manager that is known here';
  const before = manager.asUser ? [] : await asRoot();
  if (before === undefined) return 'redis-server is missing, and to install it needs root or sudo without a password';
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const step of manager.steps) {
    const [command, ...args] = [...before, manager.command, ...step];
    log(`redis-server is missing: ${command} ${args.join(' ')}`);
    const { code, output } = await run(command, args, { env });
    // An update may fail for one list of many; whether the package can be had is what the next step shows.
    if (code !== 0 && step[0] !== 'update') {
      log(output.trim());
      return `redis-server is missing, and ${manager.command} could not install it`;
    }
  }
  if (inPath('redis-server') === undefined) return `${manager.command} installed no redis-server`;
  // Debian's package starts a service as it is installed. Nobody asked for that one.
  if (manager.command === 'apt-get' && fs.existsSync('/run/systemd/system')) {
    const [command, ...args] = [...before, 'systemctl', 'disable', '--now', '--quiet', 'redis-server'];
    log(`the service that came with it is stopped: ${command} ${args.join(' ')}`);
    await run(command, args, { timeoutMs: 60_000 });
  }
  return undefined;
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
  const why = inPath('redis-server') === undefined ? await install(log) : undefined;
  if (why !== undefined) return { why };
  const file = /** @type {string} */ (inPath('redis-server'));
  const said = (await run(file, ['--version'], { timeoutMs: 10_000 })).output;
  const version = /\bv=(\S+)/.exec(said)?.[1] ?? said.trim();
  const port = await freePort();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'redstart-bench-redis-'));
  const options = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no', '--dir', folder];
  // In a group of its own: Ctrl-C goes to the parent alone, which ends the server by its pipe.
  const guard = spawn('sh', ['-c', GUARD, folder, file, ...options], {
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
