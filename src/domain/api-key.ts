import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { WINDOWS } from './config.ts';
import { Name } from './name.ts';
import { RateLimits } from './provider-config.ts';

/** What a virtual key may do, and what it may use and spend. */
export const ApiKeyTerms = z.strictObject({
  /** For people; several keys may have the same. */
  name: Name,
  /** Who pays, and whose files and batches it sees. */
  account: Name.default('default'),
  /** The aliases and lanes that it may name; all without them. */
  models: z.array(Name).min(1).max(1_000).optional(),
  lanes: z.array(Name).min(1).max(100).optional(),
  ...RateLimits.shape,
  budget_usd: z.number().min(0).max(1_000_000).optional(),
  budget_window: z.enum(WINDOWS).default('total'),
  /** Epoch milliseconds; never without it. */
  expires_at: z.int().optional(),
});
export type ApiKeyTerms = z.infer<typeof ApiKeyTerms>;

/** A virtual key as it may be shown: everything but its secret. Times are epoch milliseconds. */
export const ApiKey = z.strictObject({
  /** Public: it stands in lists, logs and usage records. */
  id: z.string().regex(/^[0-9a-f]{12}$/),
  terms: ApiKeyTerms,
  created_at: z.int(),
  revoked_at: z.int().optional(),
  /** When it was given its present secret, and until when the one before that works. */
  rotated: z.strictObject({ at: z.int(), previous_until: z.int() }).optional(),
});
export type ApiKey = z.infer<typeof ApiKey>;

/** A key with what its secrets are recognised by. */
export type StoredApiKey = { key: ApiKey; digest: Buffer; previousDigest?: Buffer };

export type ApiKeyState = 'active' | 'revoked' | 'expired';

/** 32 random bytes behind the id. */
const SECRET = /^sk-sluice-([0-9a-f]{12})-[A-Za-z0-9_-]{43}$/;

export function createApiKeyId(): string {
  return randomBytes(6).toString('hex');
}

export function createSecret(id: string): string {
  return `sk-sluice-${id}-${randomBytes(32).toString('base64url')}`;
}

/** Whether it was meant as one of our keys, however badly it was copied. */
export function looksLikeSecret(text: string): boolean {
  return text.startsWith('sk-sluice-');
}

/** The id of the key that a secret claims to be of; undefined for what is no secret of ours. */
export function idOfSecret(text: string): string | undefined {
  return SECRET.exec(text)?.[1];
}

/**
 * What is kept of a secret. A slow hash makes up for passwords that can be guessed; 256 random bits cannot be, so that
 * one pass of SHA-256 keeps them as well as any, and costs a request a microsecond.
 */
export function digestOfSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** No secret has it: what is unknown is compared like what is known. */
const NO_DIGEST = Buffer.alloc(32);

/** Whether a secret is the key's own, or its previous one in its grace. Takes the same time whatever it is wrong about. */
export function isSecretOf(secret: string, stored: StoredApiKey | undefined, now: number): boolean {
  const given = digestOfSecret(secret);
  const isPresent = timingSafeEqual(given, stored?.digest ?? NO_DIGEST);
  const isPrevious = timingSafeEqual(given, stored?.previousDigest ?? NO_DIGEST);
  return isPresent || (isPrevious && now < (stored?.key.rotated?.previous_until ?? 0));
}

export function stateOfKey({ revoked_at, terms }: ApiKey, now: number): ApiKeyState {
  if (revoked_at !== undefined) return 'revoked';
  return terms.expires_at !== undefined && terms.expires_at <= now ? 'expired' : 'active';
}
