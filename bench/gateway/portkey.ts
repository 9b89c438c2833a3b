import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { JSON_HEADERS, type Contender, type Stage } from './contender.ts';
import { installOnce, runInstaller } from './install.ts';
import { findPort, startServer, waitUntilAnswering } from './server.ts';
import { BODY } from './workload.ts';

/** Portkey's gateway: one Node process that forwards, and keeps nothing. */

export const PORTKEY_VERSION = '1.15.2';
/**
 * What its own lock file has. npm takes newer ones, with which it answers no streams:
 * https://github.com/Portkey-AI/gateway/issues/1389.
 */
const OVERRIDES = { '@hono/node-server': '1.13.5', hono: '4.9.7' };

/** It has no option for the address to listen on, and would take all of them. */
const LOOPBACK_ONLY = `data:text/javascript,${encodeURIComponent(`
import { Server } from 'node:net';
const { listen } = Server.prototype;
Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, { port, host: '127.0.0.1' }, ...rest.filter((given) => typeof given === 'function'));
};`)}`;

export async function startPortkey(stage: Stage): Promise<Contender> {
  const installed = await installOnce(stage, `portkey-${PORTKEY_VERSION}`, async (folder) => {
    const dependencies = { '@portkey-ai/gateway': PORTKEY_VERSION };
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ private: true, dependencies, overrides: OVERRIDES }),
    );
    await runInstaller('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts']);
  });
  const port = await findPort();
  const program = join(installed, 'node_modules', '@portkey-ai', 'gateway', 'build', 'start-server.js');
  const server = startServer({
    name: 'portkey',
    command: process.execPath,
    args: ['--import', LOOPBACK_ONLY, program, `--port=${port}`, '--headless'],
    // Loopback is among the hosts that it trusts unless told otherwise; told, it does not hang on that default.
    environment: { NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1' },
    folder: stage.folder,
  });
  stage.cleanup.defer(() => server.stop());
  const target = {
    url: `http://127.0.0.1:${port}/v1/chat/completions`,
    headers: {
      ...JSON_HEADERS,
      authorization: 'Bearer none',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': stage.laboratory.simUrl,
    },
  };
  await waitUntilAnswering(server, { ...target, body: BODY });
  return { name: 'portkey', ...target, roots: [{ name: 'gateway', pid: server.pid }] };
}
