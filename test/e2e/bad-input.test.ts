import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliRun, Workshop } from '../support/cli.ts';
import { COMMANDS } from './bad-commands.ts';
import { FILES, PROMPT, SECRET } from './bad-files.ts';

describe('a bad command ends with one line that says what to do', () => {
  let workshop: Workshop;
  let host: ReturnType<Workshop['startHost']>;
  const submit = (...flags: string[]): Promise<CliRun> => host.run(['batch', 'submit', '--id', 'same', ...flags]);

  beforeAll(async () => {
    workshop = await Workshop.open();
    host = workshop.startHost();
    await workshop.configure('http://127.0.0.1:9/v1');
    for (const [name, content] of Object.entries(FILES)) await workshop.write(name, content);
    mkdirSync(join(workshop.directory, 'folder'));
    execFileSync('mkfifo', [join(workshop.directory, 'fifo')]);
  });
  afterAll(() => workshop.close());

  it.each(COMMANDS.map((bad) => [bad.name, bad] as const))(
    '%s',
    async (_name, { command, code = 2, says, input, env }) => {
      const given = command.split(' ');
      const run = input === undefined ? await host.run(given, env) : await workshop.run(given, { input });
      const lines = run.stderr
        .replaceAll(workshop.directory, 'FOLDER')
        .replaceAll(/^sluice: /gm, '')
        .split('\n');
      expect({ code: run.code, stdout: run.stdout, says: lines }).toEqual({ code, stdout: '', says: [...says, ''] });
      expect(run.stderr).not.toContain(SECRET);
      expect(run.stderr).not.toContain(PROMPT);
    },
  );

  it('enqueues nothing in any of these', async () => {
    expect(await workshop.jobsInQueues()).toBe(0);
    expect(await workshop.stores.batches.list(10)).toEqual([]);
  });

  it('a byte order mark, CRLF and blank lines are fine', async () => {
    const { code, stdout } = await host.run(['batch', 'submit', 'windows.jsonl', '--id', 'windows', '--json']);
    expect({ code, ...JSON.parse(stdout) }).toEqual({ code: 0, id: 'windows', rows: 2, is_new: true });
    expect(await workshop.jobsInQueues()).toBe(2);
  });

  it('an id stands for its rows and options, and for no others', async () => {
    expect((await submit('good.jsonl')).code).toBe(0);
    expect(await submit('good.jsonl')).toMatchObject({
      code: 0,
      stdout: 'same\n',
      stderr: expect.stringContaining('1 row submitted before; nothing runs twice'),
    });
    for (const others of [
      ['other.jsonl'],
      ['good.jsonl', '--max-tokens', '5'],
      ['good.jsonl', '--max-total-usd', '1'],
    ]) {
      expect(await submit(...others)).toEqual({
        code: 2,
        stdout: '',
        stderr: 'sluice: batch "same" was submitted before with other rows or options; give it another --id\n',
      });
    }
  });

  it('names commands as they have to be typed where it runs', async () => {
    const { code, stderr } = await workshop.run(['batch', 'status', 'nope']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'sluice: no batch "nope" here; npx sluice batch list shows those that there are\n',
    });
  });

  it('the stack is shown with --debug alone', async () => {
    const { code, stderr } = await host.run(['--debug', 'batch', 'run', 'nope.jsonl']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^sluice: cannot read nope.jsonl: no such file or folder\n/);
    expect(stderr).toMatch(/^ +at /m);
  });
});
