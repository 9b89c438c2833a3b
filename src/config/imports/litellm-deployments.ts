import type { RateLimits } from '../../domain/config.ts';
import type { Capability } from '../../domain/model.ts';
import { liteLlmCapabilities, liteLlmPrice } from '../lists/litellm-list.ts';
import { type Endpoint, problemOfEndpoint } from './draft.ts';
import { createKeyReader, ENVIRONMENT_REFERENCE, type KeyReader } from './keys.ts';
import type { Path, Source } from './source.ts';
import { findVendor, type Vendor } from './vendors.ts';

/** One entry of a LiteLLM `model_list`. */
export type Deployment = {
  path: Path;
  /** Its `model_name`: what callers ask for, and what other deployments may answer to as well. */
  group: string;
  vendor: Vendor & { name: string };
  baseUrl: string | undefined;
  more: Endpoint['more'] & object;
  /** The environment variable of its key. */
  key: string | undefined;
  id: string;
  /** The model that stands behind a deployment of a name of its own. */
  baseModel: string | undefined;
  limits: RateLimits;
  weight: number;
  order: number | undefined;
  timeoutSeconds: number | undefined;
  price: { input: number; output: number } | undefined;
  context: number | undefined;
  maxOutput: number | undefined;
  /** What the entry says; undefined where it says nothing. */
  capabilities: Capability[] | undefined;
};

/** The deployments that Sluice can call; the others are told as ignored. */
export function readDeployments(source: Source): Deployment[] {
  const keyAt = createKeyReader(source);
  return source.keys(['model_list']).flatMap((index) => readDeployment(source, index, keyAt) ?? []);
}

function readDeployment(source: Source, index: string | number, keyAt: KeyReader): Deployment | undefined {
  const path = ['model_list', index];
  const group = source.text([...path, 'model_name']);
  const refuse = (reason: string): undefined => source.ignored(path, reason);
  if (group === undefined) return refuse('it has no model_name');
  const credential = findCredential(source, path);
  /** A parameter of the deployment, else of the credential that it names. */
  const param = (name: string): Path => {
    const own = [...path, 'litellm_params', name];
    return credential === undefined || source.has(own) ? own : [...credential, name];
  };
  const info = (name: string): Path => [...path, 'model_info', name];

  const model = source.text(param('model'));
  if (model === undefined) return refuse('it has no litellm_params.model');
  if (`${group}${model}`.includes('*')) return refuse('wildcards are not routes in Sluice: name the models one by one');
  const mode = source.text(info('mode')) ?? 'chat';
  const embeds = mode === 'embedding';
  if (mode !== 'chat' && mode !== 'responses' && !embeds) {
    return refuse(`it is for ${mode}, and Sluice is for chats and embeddings`);
  }
  const { vendorName, id } = splitModel(model, source.text(param('custom_llm_provider')));
  const vendor = findVendor(vendorName);
  if (vendor === undefined) return refuse(`Sluice speaks to no provider of the kind ${vendorName}`);
  const baseUrl = variablesFor(source.text(param(source.has(param('api_base')) ? 'api_base' : 'base_url')));
  const problem = problemOfEndpoint({ vendor, baseUrl });
  if (problem !== undefined) return refuse(problem);

  const apiVersion = source.text(param('api_version'));
  const headers = source.has(param('extra_headers')) ? headersAt(source, param('extra_headers')) : undefined;
  const stated = { ...numbersAt(source, [...path, 'litellm_params']), ...numbersAt(source, [...path, 'model_info']) };
  const hasPrice = 'input_cost_per_token' in stated && ('output_cost_per_token' in stated || embeds);
  return {
    path,
    group,
    vendor,
    baseUrl,
    key: keyAt(param('api_key'), vendor),
    id,
    more: {
      ...(apiVersion === undefined || vendor.kind !== 'azure' ? {} : { azure: { api_version: apiVersion } }),
      ...(headers === undefined ? {} : { headers }),
    },
    baseModel: source.text(info('base_model')) ?? source.text(param('base_model')),
    limits: limitsOf(source, param, info),
    weight: source.number(param('weight')) ?? 1,
    order: source.number(param('order')),
    timeoutSeconds: source.number(param('timeout')),
    price: hasPrice ? liteLlmPrice(stated) : undefined,
    context: source.number(info('max_input_tokens')),
    maxOutput: source.number(info('max_output_tokens')) ?? source.number(info('max_tokens')),
    capabilities: embeds ? ['embeddings'] : capabilitiesAt(source, [...path, 'model_info']),
  };
}

/** `groq/llama-3.3-70b` is a model of Groq; a name without a vendor is OpenAI's, or one that only Anthropic gives. */
function splitModel(model: string, vendor: string | undefined): { vendorName: string; id: string } {
  const slash = model.indexOf('/');
  const prefix = slash === -1 ? undefined : model.slice(0, slash);
  if (vendor !== undefined) return { vendorName: vendor, id: prefix === vendor ? model.slice(slash + 1) : model };
  if (prefix !== undefined) return { vendorName: prefix, id: model.slice(slash + 1) };
  return { vendorName: model.startsWith('claude') ? 'anthropic' : 'openai', id: model };
}

function findCredential(source: Source, path: Path): Path | undefined {
  const name = source.text([...path, 'litellm_params', 'litellm_credential_name']);
  if (name === undefined) return undefined;
  const index = source
    .keys(['credential_list'])
    .find((each) => source.text(['credential_list', each, 'credential_name']) === name);
  if (index !== undefined) return ['credential_list', index, 'credential_values'];
  source.ignored([...path, 'litellm_params', 'litellm_credential_name'], 'no credential of that name');
  return undefined;
}

/** `os.environ/NAME` as our `${NAME}`. */
function variablesFor(text: string | undefined): string | undefined {
  return text?.replace(ENVIRONMENT_REFERENCE, '${$1}');
}

function headersAt(source: Source, path: Path): Record<string, string> {
  const headers = source.keys(path).map((name) => [name, variablesFor(source.text([...path, name])) ?? ''] as const);
  return Object.fromEntries(headers.filter(([, value]) => value !== ''));
}

function limitsOf(source: Source, param: (name: string) => Path, info: (name: string) => Path): RateLimits {
  const limit = (name: string): number | undefined => {
    const path = source.has(param(name)) ? param(name) : info(name);
    const value = source.number(path);
    if (value === undefined || value > 0) return value;
    source.ignored(path, 'a limit is above 0');
    return undefined;
  };
  const [requests, tokens, concurrency] = [limit('rpm'), limit('tpm'), limit('max_parallel_requests')];
  return {
    ...(requests === undefined ? {} : { requests_per_minute: requests }),
    ...(tokens === undefined ? {} : { tokens_per_minute: tokens }),
    ...(concurrency === undefined ? {} : { concurrency: Math.ceil(concurrency) }),
  };
}

/** The prices of the entry. */
function numbersAt(source: Source, path: Path): Record<string, number> {
  const names = source.keys(path).filter((name) => /cost/.test(String(name)));
  return Object.fromEntries(
    names.flatMap((name) => {
      const amount = source.number([...path, name]);
      return amount === undefined ? [] : [[name, amount] as const];
    }),
  );
}

function capabilitiesAt(source: Source, path: Path): Capability[] | undefined {
  const names = source.keys(path).filter((name) => String(name).startsWith('supports_'));
  if (names.length === 0) return undefined;
  return liteLlmCapabilities(Object.fromEntries(names.map((name) => [name, source.flag([...path, name])])));
}
