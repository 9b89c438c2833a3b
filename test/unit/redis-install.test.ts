import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findRedisServer, installRedisServer, redisMissingMessage } from '../../src/store/embedded/index.ts';
import type { InstallOptions, RedisBinary, RunCommand } from '../../src/store/embedded/index.ts';

const installed: RedisBinary = { path: '/usr/bin/redis-server', name: 'redis-server', version: '7.0.15' };

/** A machine where every command succeeds, save those whose line contains a key of `exitCodes` that has codes left. */
function pretendMachine(exitCodes: Record<string, number[]> = {}) {
  const lines: string[] = [];
  const logged: string[] = [];
  const run: RunCommand = async (command, commandArguments) => {
    const line = [command, ...commandArguments].join(' ');
    lines.push(line);
    if (line.includes('install')) expect(logged, 'it says what it does before it does it').toHaveLength(1);
    const codes = Object.entries(exitCodes).find(([part]) => line.includes(part))?.[1] ?? [];
    const exitCode = codes.shift() ?? 0;
    return { exitCode, output: exitCode === 0 ? '' : 'Reading lists…\nE: something is wrong\n' };
  };
  const install = (options: Partial<InstallOptions> = {}) =>
    installRedisServer({
      run,
      log: (line) => logged.push(line),
      find: async () => installed,
      isRoot: true,
      ...options,
    });
  return { lines, logged, install };
}

const aptInstall = (lines: string[]) => lines.filter((line) => line.includes('apt-get install'));

describe('installing redis-server', () => {
  test('root installs with apt-get alone, and no service is started', async () => {
    const machine = pretendMachine();
    await expect(machine.install()).resolves.toEqual(installed);
    expect(machine.logged).toEqual(['installing redis-server with apt-get (root)…']);
    expect(aptInstall(machine.lines)).toEqual([
      'env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 SYSTEMD_OFFLINE=1 apt-get install -y --no-install-recommends redis-server',
    ]);
    expect(machine.lines.join('\n')).not.toMatch(/sudo|apt-get update/);
  });

  test('the package lists are fetched first when the package is not known', async () => {
    const machine = pretendMachine({ 'apt-cache show': [100] });
    await machine.install();
    expect(machine.lines.slice(-2)[0]).toMatch(/apt-get update$/);
    expect(aptInstall(machine.lines)).toHaveLength(1);
  });

  test('a stale package list is refreshed and the installation tried once more', async () => {
    const machine = pretendMachine({ 'apt-get install': [100] });
    await expect(machine.install()).resolves.toEqual(installed);
    expect(aptInstall(machine.lines)).toHaveLength(2);
  });

  test('sudo without a password is used when the user is not root', async () => {
    const machine = pretendMachine();
    await machine.install({ isRoot: false, isInteractive: false });
    expect(aptInstall(machine.lines)[0]).toMatch(/^sudo -n env /);
    expect(machine.logged).toEqual(['installing redis-server with apt-get (sudo)…']);
  });

  test('sudo may ask for the password when somebody is there', async () => {
    const machine = pretendMachine({ 'sudo -n true': [1] });
    await machine.install({ isRoot: false, isInteractive: true });
    expect(aptInstall(machine.lines)[0]).toMatch(/^sudo env /);
  });

  test.each([
    ['sudo wants a password and nobody is there', 1, false],
    ['there is no sudo', 127, true],
  ])('nothing is installed when %s', async (_, exitCode, isInteractive) => {
    const machine = pretendMachine({ 'sudo -n true': [exitCode] });
    await expect(machine.install({ isRoot: false, isInteractive })).rejects.toThrow(/needs root.*REDIS_URL/s);
    expect(aptInstall(machine.lines)).toEqual([]);
  });

  test('without apt-get the error names the other ways', async () => {
    const machine = pretendMachine({ 'apt-get --version': [127] });
    await expect(machine.install()).rejects.toThrow(/no apt-get here.*brew.*docker compose.*REDIS_URL/s);
    expect(machine.logged).toEqual([]);
  });

  test('a failed installation tells what apt-get said last', async () => {
    const machine = pretendMachine({ 'apt-get install': [100, 100] });
    await expect(machine.install()).rejects.toThrow(/exit code 100: E: something is wrong/);
  });

  test('an installation that brings no server is an error', async () => {
    await expect(pretendMachine().install({ find: async () => undefined })).rejects.toThrow(/no redis-server/);
  });

  test('the message about a missing server names every way to get one', () => {
    expect(redisMissingMessage()).toMatch(/apt-get.*brew.*docker compose.*REDIS_URL.*--install-redis/s);
  });
});

describe('finding a server', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-find-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function putProgram(name: string, script: string): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    return path;
  }

  test('a Valkey is as good as a Redis', async () => {
    const path = await putProgram('valkey-server', "echo 'Valkey server v=8.1.3 sha=00000000:0 malloc=jemalloc'");
    await expect(findRedisServer(folder, [])).resolves.toEqual({ path, name: 'valkey-server', version: '8.1.3' });
  });

  test('the usual folders are searched after the PATH', async () => {
    const path = await putProgram('redis-server', "echo 'Redis server v=7.0.0 sha=00000000:0'");
    await expect(findRedisServer('', [folder])).resolves.toMatchObject({ path, version: '7.0.0' });
  });

  test('a server older than 7.0 is refused by name', async () => {
    const path = await putProgram('redis-server', "echo 'Redis server v=6.0.16 sha=00000000:0'");
    await expect(findRedisServer(folder, [])).rejects.toThrow(`7.0 or later, or Valkey: ${path} is version 6.0.16`);
  });

  test('a server too old does not hide a newer one', async () => {
    await putProgram('redis-server', "echo 'Redis server v=6.0.16 sha=00000000:0'");
    await putProgram('valkey-server', "echo 'Valkey server v=7.2.5 sha=00000000:0'");
    await expect(findRedisServer(folder, [])).resolves.toMatchObject({ name: 'valkey-server' });
  });

  test('a program that does not run is refused by name', async () => {
    const path = await putProgram('redis-server', 'exit 126');
    await expect(findRedisServer(folder, [])).rejects.toThrow(`${path} does not run`);
  });

  test('nothing is found where nothing is', async () => {
    await expect(findRedisServer(folder, [])).resolves.toBeUndefined();
  });
});
