import type { ProviderKind } from '../../domain/config.ts';

/** A provider as foreign configurations name it, in our words. */
export type Vendor = {
  kind: ProviderKind;
  /** Where its API is; missing where that is for the configuration to say. */
  base_url?: string;
  /** The environment variable in which its key usually stands; missing where it wants none. */
  key?: string;
};

/** By the names of LiteLLM; Portkey's, where they differ, are in `ALSO_CALLED`. Most speak OpenAI's words. */
const VENDORS: Record<string, Vendor> = {
  openai: { kind: 'openai', base_url: 'https://api.openai.com/v1', key: 'OPENAI_API_KEY' },
  azure: { kind: 'azure', key: 'AZURE_API_KEY' },
  anthropic: { kind: 'anthropic', base_url: 'https://api.anthropic.com/v1', key: 'ANTHROPIC_API_KEY' },
  gemini: {
    kind: 'google',
    base_url: 'https://generativelanguage.googleapis.com/v1beta',
    key: 'GEMINI_API_KEY',
  },
  openrouter: { kind: 'openrouter', base_url: 'https://openrouter.ai/api/v1', key: 'OPENROUTER_API_KEY' },
  litellm_proxy: { kind: 'litellm', key: 'LITELLM_PROXY_API_KEY' },
  portkey: { kind: 'portkey', base_url: 'https://api.portkey.ai/v1', key: 'PORTKEY_API_KEY' },
  cerebras: { kind: 'openai', base_url: 'https://api.cerebras.ai/v1', key: 'CEREBRAS_API_KEY' },
  deepinfra: { kind: 'openai', base_url: 'https://api.deepinfra.com/v1/openai', key: 'DEEPINFRA_API_KEY' },
  deepseek: { kind: 'openai', base_url: 'https://api.deepseek.com/v1', key: 'DEEPSEEK_API_KEY' },
  fireworks_ai: {
    kind: 'openai',
    base_url: 'https://api.fireworks.ai/inference/v1',
    key: 'FIREWORKS_AI_API_KEY',
  },
  groq: { kind: 'openai', base_url: 'https://api.groq.com/openai/v1', key: 'GROQ_API_KEY' },
  mistral: { kind: 'openai', base_url: 'https://api.mistral.ai/v1', key: 'MISTRAL_API_KEY' },
  moonshot: { kind: 'openai', base_url: 'https://api.moonshot.ai/v1', key: 'MOONSHOT_API_KEY' },
  nvidia_nim: { kind: 'openai', base_url: 'https://integrate.api.nvidia.com/v1', key: 'NVIDIA_NIM_API_KEY' },
  perplexity: { kind: 'openai', base_url: 'https://api.perplexity.ai', key: 'PERPLEXITYAI_API_KEY' },
  sambanova: { kind: 'openai', base_url: 'https://api.sambanova.ai/v1', key: 'SAMBANOVA_API_KEY' },
  together_ai: { kind: 'openai', base_url: 'https://api.together.xyz/v1', key: 'TOGETHERAI_API_KEY' },
  xai: { kind: 'openai', base_url: 'https://api.x.ai/v1', key: 'XAI_API_KEY' },
  hosted_vllm: { kind: 'openai' },
  lm_studio: { kind: 'openai' },
  ollama: { kind: 'openai', base_url: 'http://localhost:11434/v1' },
};

const ALSO_CALLED: Record<string, string> = {
  'azure-openai': 'azure',
  custom_openai: 'hosted_vllm',
  'fireworks-ai': 'fireworks_ai',
  google: 'gemini',
  llamafile: 'hosted_vllm',
  'mistral-ai': 'mistral',
  ollama_chat: 'ollama',
  openai_like: 'hosted_vllm',
  'perplexity-ai': 'perplexity',
  'together-ai': 'together_ai',
  'x-ai': 'xai',
};

/** Undefined for one that Sluice cannot speak to. */
export function findVendor(name: string): (Vendor & { name: string }) | undefined {
  const known = Object.hasOwn(ALSO_CALLED, name) ? (ALSO_CALLED[name] ?? name) : name;
  const vendor = Object.hasOwn(VENDORS, known) ? VENDORS[known] : undefined;
  return vendor && { ...vendor, name: known };
}

/** An address of a vendor, as its API begins: `ollama` is given without the `/v1` under which it copies OpenAI. */
export function baseUrlOf(vendor: Vendor & { name: string }, given: string | undefined): string | undefined {
  const url = given?.replace(/\/+$/, '');
  if (url !== undefined && vendor.name === 'ollama' && !url.endsWith('/v1')) return `${url}/v1`;
  return url ?? vendor.base_url;
}
