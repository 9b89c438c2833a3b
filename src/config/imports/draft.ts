import type { z } from 'zod';
import { kindOfHost } from '../../domain/address.ts';
import type { ConfigShape } from '../../domain/config.ts';
import { problemOfBaseUrl } from '../../domain/config-checks.ts';
import { MOST_TIMER_MS } from '../../domain/duration.ts';
import type { Capability } from '../../domain/model.ts';
import { Name } from '../../domain/name.ts';
import type { ModelEntry } from '../lists/listing.ts';
import { yamlOf } from '../yaml-edit.ts';
import { baseUrlOf, type Vendor } from './vendors.ts';

type ConfigInput = z.input<typeof ConfigShape>;
type ProviderInput = ConfigInput['providers'][string];

/** One place that answers, and the variables in which its keys stand, with their shares of the calls. */
export type Endpoint = {
  vendor: Vendor & { name: string };
  baseUrl: string | undefined;
  keys: readonly { variable: string; weight: number }[];
  more?: Partial<ProviderInput>;
};

/** Other gateways hand every request to every model, and do not say what their models can do. */
export function assumedCapabilities(id: string): Capability[] {
  return /embed/i.test(id) ? ['embeddings'] : ['tools', 'json', 'vision'];
}

export const CAPABILITIES_ASSUMED =
  'Capabilities are assumed where they were not told: take out what a model cannot do.';

/** A configuration that is being put together from a foreign one. */
export type Draft = ReturnType<typeof createDraft>;

export function createDraft() {
  const providers: Record<string, ProviderInput> = {};
  const models: Record<string, ModelEntry> = {};
  const rest: Omit<ConfigInput, 'providers' | 'models'> = {};

  /** The name of the provider for this endpoint: the same for the same one. */
  function provider(endpoint: Endpoint): string {
    const wanted = providerOf(endpoint);
    const [same] = Object.entries(providers).find(([, each]) => JSON.stringify(each) === JSON.stringify(wanted)) ?? [];
    if (same !== undefined) return same;
    const name = freeName(endpoint.vendor.name, providers);
    providers[name] = wanted;
    return name;
  }

  /** The alias that the model gets: the one that is wanted, or that with a number. */
  function model(wanted: string, entry: ModelEntry): string {
    const alias = freeName(nameOf(wanted), models);
    models[alias] = entry;
    return alias;
  }

  return { provider, model, providers, models, rest };
}

/** Why nothing can be called at this address, or undefined when it can. One that stands in a variable is not known yet. */
export function problemOfEndpoint({ vendor, baseUrl }: Pick<Endpoint, 'vendor' | 'baseUrl'>): string | undefined {
  const url = baseUrlOf(vendor, baseUrl);
  if (url === undefined) return 'its address is missing';
  return url.includes('${') ? undefined : problemOfBaseUrl(url, isOwn(url));
}

function providerOf({ vendor, baseUrl, keys, more }: Endpoint): ProviderInput {
  const url = baseUrlOf(vendor, baseUrl) ?? '';
  const [first, ...others] = keys;
  return {
    ...(vendor.kind === 'openai' ? {} : { kind: vendor.kind }),
    base_url: url,
    ...(first !== undefined && others.length === 0 ? { api_key: `\${${first.variable}}` } : {}),
    ...(others.length > 0
      ? {
          api_keys: Object.fromEntries(
            keys.map(({ variable, weight }) => [
              variable,
              { key: `\${${variable}}`, ...(weight === 1 ? {} : { weight }) },
            ]),
          ),
        }
      : {}),
    ...(isOwn(url) ? { allow_private: true } : {}),
    ...more,
  };
}

/** Plain http to a name is to a machine in one's own network, in these configurations. */
function isOwn(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' || kindOfHost(hostname) === 'private';
}

/** A foreign name as one of ours: what a name may not hold becomes `-`. */
export function nameOf(text: string): string {
  const plain = text
    .replaceAll(/[^\w.:/@-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 120);
  return Name.safeParse(plain).success ? plain : 'unnamed';
}

function freeName(wanted: string, taken: object): string {
  if (!Object.hasOwn(taken, wanted)) return wanted;
  for (let number = 2; ; number += 1) if (!Object.hasOwn(taken, `${wanted}-${number}`)) return `${wanted}-${number}`;
}

/** A limit on a call, as a duration within what is allowed: `90s`, `1500ms`. */
export function durationText(milliseconds: number): string {
  const whole = Math.max(1, Math.min(MOST_TIMER_MS, Math.round(milliseconds)));
  return whole % 1_000 === 0 ? `${whole / 1_000}s` : `${whole}ms`;
}

/** The draft as the text of a configuration file. */
export function formatDraft({ providers, models, rest }: Draft, heading: readonly string[]): string {
  const sections = Object.entries({ providers, models, ...rest }).filter(([, section]) => section !== undefined);
  return [
    heading.map((line) => `# ${line}\n`).join(''),
    ...sections.map(([name, section]) => yamlOf(name, section as object)),
  ].join('\n');
}

/** The environment variables that a text refers to. */
export function variablesIn(text: string): string[] {
  return [...new Set([...text.matchAll(/\$\{(\w+)\}/g)].flatMap(([, name]) => name ?? []))].toSorted();
}
