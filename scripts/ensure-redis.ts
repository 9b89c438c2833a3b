// Says which Redis the tests will run. With --install, gets one first when there is none.
import {
  EmbeddedRedisError,
  findRedisServer,
  installRedisServer,
  redisMissingMessage,
} from '../src/store/embedded/index.ts';

const mayInstall = process.argv.includes('--install');
const log = (line: string): void => console.log(line);

try {
  const binary = (await findRedisServer()) ?? (mayInstall ? await installRedisServer({ log }) : undefined);
  if (binary === undefined) throw new EmbeddedRedisError(redisMissingMessage());
  log(`using ${binary.name} ${binary.version} at ${binary.path}`);
} catch (error) {
  console.error(error instanceof EmbeddedRedisError ? error.message : error);
  process.exitCode = 1;
}
