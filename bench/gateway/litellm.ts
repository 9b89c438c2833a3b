import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Contender, JSON_HEADERS, type Stage } from './contender.ts';
import { installOnce, runInstaller } from './install.ts';
import { findPort, startServer, waitUntilAnswering } from './server.ts';
import { BODY, MODEL, STREAM_MODEL } from './workload.ts';

/** The LiteLLM proxy, without a database, without Redis and without keys: it forwards, counts the cost, and keeps nothing. */

export const LITELLM_VERSION = '1.102.4';

export async function startLiteLlm(stage: Stage, workers: 1 | 2): Promise<Contender> {
  const installed = await installOnce(stage, `litellm-${LITELLM_VERSION}`, async (folder) => {
    await runInstaller('python3', ['-m', 'venv', join(folder, 'venv')]);
    const pip = join(folder, 'venv', 'bin', 'pip');
    await runInstaller(pip, ['install', '--no-input', '--only-binary=:all:', `litellm[proxy]==${LITELLM_VERSION}`]);
  });
  const name = `litellm_${workers}` as const;
  const folder = join(stage.folder, name);
  await mkdir(folder);
  const config = join(folder, 'config.yaml');
  await writeFile(config, JSON.stringify(configFor(stage.laboratory.simUrl)));
  const port = await findPort();
  const server = startServer({
    name,
    command: join(installed, 'venv', 'bin', 'litellm'),
    args: ['--config', config, '--host', '127.0.0.1', '--port', String(port), '--num_workers', String(workers)],
    // https://docs.litellm.ai/docs/proxy/prod; and it shall not look for newer prices on the network.
    environment: { LITELLM_LOG: 'ERROR', LITELLM_MODE: 'PRODUCTION', LITELLM_LOCAL_MODEL_COST_MAP: 'True' },
    folder,
  });
  stage.cleanup.defer(() => server.stop());
  const target = { url: `http://127.0.0.1:${port}/v1/chat/completions`, headers: { ...JSON_HEADERS } };
  await waitUntilAnswering(server, { ...target, body: BODY });
  return { name, ...target, roots: [{ name: 'proxy', pid: server.pid }] };
}

/** JSON is YAML. */
function configFor(simUrl: string): object {
  return {
    model_list: [MODEL, STREAM_MODEL].map((model) => ({
      model_name: model,
      litellm_params: { model: `openai/${model}`, api_base: simUrl, api_key: 'none' },
    })),
    litellm_settings: { request_timeout: 600, set_verbose: false, json_logs: true, telemetry: false },
  };
}
