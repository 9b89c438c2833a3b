import { z } from 'zod';
import { durationOf, LONGEST_KEEP_MS, MOST_TIMER_MS } from './duration.ts';
import { RateLimits } from './provider-config.ts';

/** `sluice serve`: what clients may ask for over HTTP, and how long it is kept for them. */
export const GatewayConfig = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  port: z.int().min(0).max(65_535).default(4_000),
  /** How long a client may wait for an answer; its job is cancelled then. Official clients wait for ten minutes. */
  timeout: durationOf(1_000, MOST_TIMER_MS).prefault('10m'),
  /** What a stopping gateway grants the answers that are under way; then their clients are cut off. */
  drain: durationOf(0, MOST_TIMER_MS).prefault('30s'),
  /** How long answers are kept that were handed over: to be scored, and for clients that ask once more. */
  keep_answers: durationOf(1_000, LONGEST_KEEP_MS).prefault('1h'),
  /** The largest body of a request, files not counted. */
  body_limit_bytes: z.int().min(1_024).max(1_073_741_824).default(16_777_216),
  /** Requests that may wait for their answers at a time; whoever comes later is asked to come again. */
  most_waiting: z.int().min(1).max(1_000_000).default(10_000),
  /** What the bodies of those requests may have together; they are kept until the answers have gone out. */
  most_waiting_bytes: z.int().min(1_024).max(1_099_511_627_776).default(268_435_456),
  /** What a key, and a user of a key, may ask for, where the key itself does not say. */
  limits: z.strictObject({ per_key: RateLimits.prefault({}), per_user: RateLimits.prefault({}) }).prefault({}),
  files: z
    .strictObject({
      /** Below the folder of the configuration. Gateways that share a Redis must share it, too. */
      folder: z.string().min(1).default('.sluice/files'),
      /** Files up to this size are kept in Redis, larger ones in the folder. */
      in_redis_up_to_bytes: z.int().min(0).max(67_108_864).default(262_144),
      most_bytes: z.int().min(1_024).max(107_374_182_400).default(536_870_912),
      /** What the files of an account may come to; those that batches write for it count, and are never refused. */
      most_bytes_per_account: z.int().min(1_024).max(1_125_899_906_842_624).default(4_294_967_296),
      /** What all files in Redis may come to; beyond it small ones are kept in the folder, too. */
      most_bytes_in_redis: z.int().min(0).max(68_719_476_736).default(268_435_456),
      /** Files that were given no expiry. */
      keep: durationOf(3_600_000, LONGEST_KEEP_MS).prefault('30d'),
    })
    .prefault({}),
  batches: z
    .strictObject({
      lane: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,31}$/)
        .optional(),
      most_requests: z.int().min(1).max(10_000_000).default(100_000),
    })
    .prefault({}),
  webhooks: z
    .strictObject({
      /** Signs what is sent (https://www.standardwebhooks.com): `whsec_` and base64, as $NAME of the environment. */
      secret: z
        .string()
        .regex(/^whsec_[A-Za-z0-9+/=]{24,}$/, 'whsec_ and at least 24 characters of base64')
        .optional(),
      /** Allows loopback and private addresses, and plain http to them. */
      allow_private: z.boolean().default(false),
    })
    .prefault({}),
});
export type GatewayConfig = z.infer<typeof GatewayConfig>;
