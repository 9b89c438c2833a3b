// Says which browser the tests will drive. With --install, gets Debian's first when there is none. Without one, the tests
// of the status page are skipped; nothing else needs it.
import { spawnSync } from 'node:child_process';
import { findChromium } from '../test/support/chromium.ts';

const SKIPPED = 'the tests in a browser will be skipped; set CHROMIUM_PATH, or: sudo apt-get install chromium';

/** Why it could not be installed; undefined when it was. */
function installChromium(): string | undefined {
  if (!succeeds('apt-get', ['--version'])) return 'there is no apt-get here';
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && !succeeds('sudo', ['-n', 'true'])) return 'that needs root, or sudo without a password';
  const prefix = isRoot ? [] : ['sudo', '-n'];
  const apt = (...options: string[]): boolean => {
    const [command = '', ...rest] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...options];
    return succeeds(command, rest);
  };
  const install = (): boolean => apt('install', '-y', '--no-install-recommends', 'chromium');
  console.log(`installing chromium with apt-get (${isRoot ? 'root' : 'sudo'})…`);
  if (install()) return undefined;
  // A list of packages that is too old, or none yet.
  apt('update');
  return install() ? undefined : 'apt-get install chromium failed';
}

function succeeds(command: string, options: readonly string[]): boolean {
  return spawnSync(command, options, { stdio: ['inherit', 'ignore', 'ignore'] }).status === 0;
}

const problem = findChromium() === undefined && process.argv.includes('--install') ? installChromium() : undefined;
const browser = findChromium();
if (browser !== undefined) console.log(`using ${browser}`);
else console.log(`no chromium${problem === undefined ? '' : ` (${problem})`}: ${SKIPPED}`);
