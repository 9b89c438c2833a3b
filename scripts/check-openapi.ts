// Checks the answers of a gateway against OpenAI's own description of its API, which is not part of this repository:
// node scripts/check-openapi.ts openapi.yaml
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { checkAll } from './openapi/checks.ts';
import { type Check, createInspector } from './openapi/inspector.ts';
import { createJudge, type Judge } from './openapi/judge.ts';
import { openStage } from './openapi/stage.ts';

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error(
    'usage: node scripts/check-openapi.ts FILE, the openapi.yaml of https://github.com/openai/openai-openapi',
  );
  process.exitCode = 2;
} else {
  process.exitCode = await run(file);
}

async function run(path: string): Promise<number> {
  const judge = await readJudge(path);
  if (judge === undefined) return 2;
  let checks = 0;
  let mismatches = 0;
  const stage = await openStage();
  try {
    const inspector = createInspector(`${stage.url}/v1`, judge, (check) => {
      checks += 1;
      if (check.problems.length > 0) mismatches += 1;
      console.log(lineOf(check));
    });
    await checkAll(inspector, judge);
  } finally {
    await stage.close();
  }
  console.log(`${checks} checks, ${mismatches} mismatches`);
  return mismatches === 0 ? 0 : 1;
}

function lineOf({ name, problems, nulls }: Check): string {
  if (problems.length > 0) return `MISMATCH  ${name}: ${problems.join('; ')}`;
  const fields = new Set(nulls.map((pointer) => pointer.split('/').at(-1)));
  return `ok        ${name}${fields.size === 0 ? '' : ` (null instead of left out: ${[...fields].join(', ')})`}`;
}

async function readJudge(path: string): Promise<Judge | undefined> {
  try {
    // JSON is YAML.
    return createJudge(parse(await readFile(path, 'utf8'), { maxAliasCount: -1 }));
  } catch (error) {
    console.error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
