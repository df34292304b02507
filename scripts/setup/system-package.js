'use strict';

// A command that comes with the system and not with npm or cargo: found, or installed by the system's own package manager
// where nobody has to be asked for that. It never throws: whoever wants the command decides what its absence means.

const { run } = require('../run.js');

/** What installs a package of the system, by the name of the manager's command. */
const MANAGERS = {
  'apt-get': {
    // The lists may be missing or old; a list that cannot be had is told by the install itself.
    before: ['update', '-q'],
    install: ['install', '-q', '-y', '--no-install-recommends'],
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  },
  dnf: { install: ['install', '-y'] },
  yum: { install: ['install', '-y'] },
  apk: { install: ['add', '--no-cache'] },
  zypper: { install: ['--non-interactive', 'install'] },
  pacman: { install: ['-Sy', '--noconfirm', '--needed'] },
  // Refuses to be run as root, and needs no root.
  brew: { install: ['install', '--quiet'], asUser: true },
};

/** Updates lists and installs on a slow line. */
const INSTALL_MAX_MS = 300_000;

const answers = async (command, args) => (await run(command, args)).code !== 127;

/** What to begin the command with so that it may install: nothing for root, a sudo that asks nothing; else undefined. */
async function rights(manager, sudo) {
  if (MANAGERS[manager].asUser || process.getuid?.() === 0) return [];
  const mayAsk = sudo && (await run('sudo', ['-n', 'true'])).code === 0;
  return mayAsk ? ['sudo', '-n', '--preserve-env=DEBIAN_FRONTEND'] : undefined;
}

/** Runs a manager's command and returns the last line it wrote where it failed. */
async function manage(manager, args, prefix) {
  const [command, ...rest] = [...prefix, manager, ...args];
  const env = { ...process.env, ...MANAGERS[manager].env };
  const { code, output } = await run(command, rest, { env, timeoutMs: INSTALL_MAX_MS });
  return code === 0 ? undefined : output.trim().split('\n').at(-1) || `it ended with code ${code}`;
}

/**
 * Whether a command is there; it is installed where it is not, as root, or by a sudo that asks nothing where `sudo` says so
 * and under CI.
 * @param {string} command What is run, with `--version` to see whether it is there.
 * @param {string | Record<string, string>} packages The name of its package, or one for each manager that knows it by
 *   another than the rest do: `{ 'apt-get': 'redis-server', rest: 'redis' }`.
 * @param {{ log?: (line: string) => void, sudo?: boolean }} [how]
 * @returns {Promise<{ found: boolean, installed: boolean, why: string }>} `installed`: by this call; `why`: one sentence, where
 *   it was not found.
 */
async function systemCommand(command, packages, { log = console.log, sudo = Boolean(process.env.CI) } = {}) {
  if (await answers(command, ['--version'])) return { found: true, installed: false, why: '' };
  const missing = (/** @type {string} */ why) => ({
    found: false,
    installed: false,
    why: `${command} was not found: ${why}`,
  });

  let manager;
  for (const name of Object.keys(MANAGERS)) {
    if (!manager && (await answers(name, ['--version']))) manager = name;
  }
  if (!manager) return missing(`install it, none of ${Object.keys(MANAGERS).join(', ')} is here to do so`);
  const name = typeof packages === 'string' ? packages : (packages[manager] ?? packages.rest ?? command);
  const { before, install } = MANAGERS[manager];
  const prefix = await rights(manager, sudo);
  if (!prefix) return missing(`install it, as root: ${[manager, ...install, name].join(' ')}`);

  log(`installing ${name} with ${manager}`);
  if (before) await manage(manager, before, prefix);
  const failure = await manage(manager, [...install, name], prefix);
  if (failure) return missing(`${manager} could not install ${name}: ${failure}`);
  return (await answers(command, ['--version']))
    ? { found: true, installed: true, why: '' }
    : missing(`${name} does not bring it`);
}

module.exports = { systemCommand };
