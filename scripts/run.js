'use strict';

// Child processes, the one way all scripts start them: output is captured and, where wanted, shown as it comes.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');

/** Ends a script with one sentence and no stack: the reader can do something about it. */
class Stop extends Error {}

/**
 * Runs a command to its end and returns { code, output, stdout, seconds }; a code other than 0 is an answer, not an error.
 * `show` passes the output through; `onLine` gets every line; `timeoutMs` ends the child with all it has started and makes
 * the code 124.
 */
function run(command, args, { cwd = ROOT, env = process.env, show = false, onLine, timeoutMs } = {}) {
  return new Promise((resolve, reject) => {
    const started = Date.now();
    // In a group of its own where it may have to be ended: what it has started would live on and keep the pipes open.
    const detached = timeoutMs !== undefined && process.platform !== 'win32';
    const child = spawn(command, args, { cwd, env, detached, stdio: ['ignore', 'pipe', 'pipe'] });
    const all = [];
    const out = [];
    let rest = '';
    let timedOut = false;
    const end = () => {
      timedOut = true;
      if (detached && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      else child.kill('SIGKILL');
    };
    const timer = timeoutMs && setTimeout(end, timeoutMs);
    for (const [stream, shown] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        all.push(text);
        if (stream === child.stdout) out.push(text);
        if (show) shown.write(text);
        if (!onLine) return;
        const lines = (rest + text).split('\n');
        rest = lines.pop();
        for (const line of lines) onLine(line);
      });
    }
    child.on('error', (error) => {
      clearTimeout(timer);
      if (error.code === 'ENOENT') resolve({ code: 127, output: `${command}: not found`, stdout: '', seconds: 0 });
      else reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      const seconds = (Date.now() - started) / 1000;
      resolve({ code: timedOut ? 124 : (code ?? 1), output: all.join(''), stdout: out.join(''), seconds });
    });
  });
}

/** As run, for a command that must succeed: otherwise its output is printed and the script stops. */
async function mustRun(command, args, options = {}) {
  const result = await run(command, args, options);
  if (result.code === 0) return result;
  if (!options.show) process.stderr.write(`${result.output}\n`);
  throw new Stop(`${path.basename(command)} ${args.join(' ')} ended with code ${result.code}.`);
}

/** npm's own script, run by this Node: works where `npm` is a .cmd, and where it is not on the child's PATH. */
function npm(args) {
  const beside = path.dirname(fs.realpathSync(process.execPath));
  const script = [
    process.env.npm_execpath,
    path.join(beside, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    path.join(beside, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ].find((file) => file && /npm-cli\.js$/.test(file) && fs.existsSync(file));
  return script ? [process.execPath, [script, ...args]] : ['npm', args];
}

/** A package's command, run by this Node from the repo's node_modules. */
function tool(file, args) {
  return [process.execPath, [path.join(ROOT, 'node_modules', file), ...args]];
}

/** Every so often tells that a long step is alive. Returns the function that stops it. */
function heartbeat(tell, everyMs = 5000) {
  const started = Date.now();
  const timer = setInterval(() => tell(Math.round((Date.now() - started) / 1000)), everyMs);
  return () => clearInterval(timer);
}

/** Runs a script's main function: a Stop ends it with its sentence, anything else with its stack. */
function main(start) {
  start().catch((error) => {
    console.error(error instanceof Stop ? error.message : error);
    process.exitCode = 1;
  });
}

module.exports = { ROOT, Stop, run, mustRun, npm, tool, heartbeat, main };
