import { execFile } from 'node:child_process';
import { cp, mkdtemp, realpath, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
const COMPILER = join(CHECKOUT, 'node_modules/typescript/bin/tsc');
const PUBLISHED = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'bin', 'examples'];

/**
 * As the tests' own, so that the registry can be reached as it is usually; without what `npm test` says to its own
 * children, and with the Node of the tests first on the PATH, also for what npm starts.
 */
const ENVIRONMENT = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))),
  PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
};

/**
 * Builds the package from the sources as they are now, in a temporary folder, so that neither an old `dist` is tried nor
 * the checkout's own one is touched. The caller removes the folder.
 */
export async function stagePackage(): Promise<string> {
  const folder = await temporaryFolder('sluice-package-');
  await compile(['-p', join(CHECKOUT, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')], folder);
  for (const name of PUBLISHED) await cp(join(CHECKOUT, name), join(folder, name), { recursive: true });
  await symlink(join(CHECKOUT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

export async function temporaryFolder(prefix: string): Promise<string> {
  return realpath(await mkdtemp(join(tmpdir(), prefix)));
}

/** Runs the compiler; its complaints are the error's message. */
export async function compile(compilerArguments: readonly string[], folder: string): Promise<void> {
  await run(process.execPath, [COMPILER, ...compilerArguments], folder);
}

/** Runs a program to its end and returns what it wrote to stdout; rejects, with all that it wrote, when it fails. */
export async function run(program: string, programArguments: readonly string[], folder: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, programArguments, { cwd: folder, env: ENVIRONMENT });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${programArguments.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}
