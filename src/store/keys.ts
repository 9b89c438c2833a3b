/**
 * Every Redis key of an installation. All begin with the same hash tag (`{sluice}`), so that they live on one node of
 * a Redis Cluster and scripts may touch them together. BullMQ's own keys are `<prefix>:queue:<lane>:...`.
 */
export type Keys = ReturnType<typeof createKeys>;

/**
 * How long claims, batches and their caps live from the last thing that moved in them: longer than the results that
 * they describe, which live from their own end. So none of them is forgotten while a result of it is still there.
 */
export function descriptionTtlMs(resultTtlMs: number): number {
  return 2 * resultTtlMs;
}

export function createKeys(prefix: string) {
  return {
    ...createServingKeys(prefix),
    prefix,
    /** What the keys of BullMQ begin with: apart from all others, since lanes may have any name. */
    queues: `${prefix}:queue`,
    /** Likewise those of one lane; what follows is BullMQ's. */
    lane: (lane: string) => `${prefix}:queue:${lane}:`,
    /** Stream of usage records. */
    usage: `${prefix}:usage`,
    /** Hash: job id -> the attempt that is open, with its reservation. */
    open: `${prefix}:ledger:open`,
    /** Hash: job id -> the attempt whose call may have gone out. */
    sent: `${prefix}:ledger:sent`,
    /** Hash: key of the response cache -> the job whose open attempt is about to fill it. */
    flights: `${prefix}:ledger:flights`,
    /** Begins the key of what an attempt was charged when it was written off as unconfirmed; the attempt id follows. */
    writtenOff: `${prefix}:ledger:written-off:`,
    /** Hash of one purse in one window; see `ledger/purses.ts`. */
    budget: (purse: string, windowId: string) => `${prefix}:budget:${purse}:${windowId}`,
    /** Sorted set: the keys of all purses, by when their windows end (ms). */
    budgets: `${prefix}:budgets`,
    /** Hash: purse, or name of a budget -> the limit (nano-dollars) in place of the configured one. */
    budgetLimits: `${prefix}:budgets:limits`,
    /** String: a top-up that was made; for a while, so that it is made once. */
    topUp: (id: string) => `${prefix}:budgets:topped-up:${id}`,
    /** Stream: budgets that were spent up to their alert (`alert`: JSON). */
    alerts: `${prefix}:alerts`,
    /** Sorted set: jobs that wait for a purse, as `lane jobId`, by when they look again by themselves (ms). */
    parked: (purse: string) => `${prefix}:parked:${purse}`,
    /** Sorted set: the purses that jobs wait for, by when the last of those looks again (ms). */
    parkedPurses: `${prefix}:parked`,
    /** Sorted set: jobs that ended as failed, by when (ms). */
    dead: `${prefix}:dead`,
    /** Hash: job id -> what is to be added to its lane (Revival as JSON): dead letters that are being brought back. */
    reviving: `${prefix}:reviving`,
    /** Hash: a queue entry that workers could not get rid of; see `quarantine.ts`. */
    quarantine: (jobId: string) => `${prefix}:quarantine:${jobId}`,
    /** String: what was found out about batches in which nothing moves (BatchNotes as JSON); see `lost-rows.ts`. */
    lostRows: `${prefix}:lost-rows`,
    /** Set: the lanes that jobs were ever added to. */
    lanes: `${prefix}:lanes`,
    /** String: how a job ended (JobResult as JSON). */
    result: (jobId: string) => `${prefix}:result:${jobId}`,
    /** Channel: announces that a job has ended. */
    done: (jobId: string) => `${prefix}:done:${jobId}`,
    /** List: the attempts of a job that failed so far (AttemptSummary as JSON). */
    trail: (jobId: string) => `${prefix}:trail:${jobId}`,
    /** String: hash of a job's content, by which a reused id with other content is noticed. */
    claim: (jobId: string) => `${prefix}:claim:${jobId}`,
    /** Hash: a batch's description and counters. */
    batch: (batchId: string) => `${prefix}:batch:${batchId}`,
    /** Sorted set: batch ids by the time of their submission. */
    batches: `${prefix}:batches`,
    /** List: latencies of a model's last hundred calls, newest first; -1 for one that failed. */
    latencies: (model: string) => `${prefix}:observed:${model}`,
    /** Hash: process -> the calls that it has under way; see `told-calls.ts`. */
    callsUnderWay: `${prefix}:calls-under-way`,
    /** Hash: model -> how many calls were observed, by which readers see what changed. */
    observed: `${prefix}:observed`,
    /** Hash: how a gate stands; see `gates/state.ts`. */
    gate: (name: string) => `${prefix}:gate:${name}`,
    /** Sorted set: the names of all gates by when they were last used, to the hour. */
    gates: `${prefix}:gates`,
    /** Hash: the name of a gate that lets no calls pass -> `until:since:reason:code`. */
    closedGates: `${prefix}:gates:closed`,
    /** Hash: name of a limit for callers -> how often it has had a call wait. */
    limitRefusals: `${prefix}:limits:refused`,
    /** String: the answer to a request (Completion as JSON). */
    cache: (digest: string) => `${prefix}:cache:${digest}`,
    /** String: the answer to this request was of no use to others, such as one that was cut off. */
    unshared: (digest: string) => `${prefix}:unshared:${digest}`,
    /** String: the pool that runs a chore now, or has run it lately. */
    chore: (name: string) => `${prefix}:chore:${name}`,
    /** Channel: announces the id of a batch that was cancelled, or `job:` and that of a job. */
    cancellations: `${prefix}:cancellations`,
    /** Channel: pieces of answers, and results, for one process that waits for them; see `relay.ts`. */
    relay: (processId: string) => `${prefix}:relay:${processId}`,
    /** String: written to see whether Redis takes writes. */
    writeProbe: `${prefix}:write-probe`,
    /** Begins the keys of the usage rollups; see `rollups/place.ts`. */
    rollups: `${prefix}:rollups`,
    /** Likewise, of those that are being rebuilt. */
    rollupsBeside: `${prefix}:rollups-beside`,
    /** Stream: scores that answers were given; see `feedback-stream.ts`. */
    feedback: `${prefix}:feedback`,
    /** Hash: who reads that stream -> the id of the last entry that was counted. What is behind one of them stays. */
    feedbackReaders: `${prefix}:feedback:readers`,
    /** Hash: the scores that one job has, and where the evidence has them; see `feedback.ts`. */
    feedbackOf: (jobId: string) => `${prefix}:feedback:job:${jobId}`,
    /** Hash: version of the evidence, when it last changed, and what it was taken from; see `evidence/scripts.ts`. */
    evidence: `${prefix}:evidence`,
    /** Hash: model -> version of the evidence with which its own last changed. */
    evidenceVersions: `${prefix}:evidence:versions`,
    /** Hash: what was learned of one model, by measure and task. */
    evidenceOf: (model: string) => `${prefix}:evidence:of:${model}`,
    /** Hash: name of an experiment -> fingerprint of the configuration under which its outcomes are counted. */
    experiments: `${prefix}:experiments`,
    /** Hash: name of an experiment -> that it was stopped or promoted (ExperimentOrder as JSON). */
    experimentOrders: `${prefix}:experiments:orders`,
    /** Hash: what was counted of an experiment and up to where; `:units` behind it, hash: unit -> its state. */
    experimentTally: (name: string, fingerprint: string) => `${prefix}:experiment:${name}:${fingerprint}`,
    /** Hash: how far the usage stream is archived and trimmed, and where to. */
    usageArchive: `${prefix}:usage:archive`,
    /** String: the process that archives usage or rebuilds rollups now. */
    usageLock: `${prefix}:usage:lock`,
  };
}

/** Of what is handed in and ordered over HTTP. */
function createServingKeys(prefix: string) {
  return {
    /** String: what is known of a file (StoredFile as JSON); see `file-index.ts`. */
    file: (fileId: string) => `${prefix}:file:${fileId}`,
    /** String: the content of a small file: apart from what is known of files, since clients write it. */
    fileContent: (fileId: string) => `${prefix}:file-content:${fileId}`,
    /** Set: the batch orders that still read a file. */
    fileReaders: (fileId: string) => `${prefix}:file-readers:${fileId}`,
    /** Hash: bytes of the files of each account (`of:ACCOUNT`), and of the contents that are in Redis (`in-redis`). */
    fileBytes: `${prefix}:files:bytes`,
    /** Sorted set: an account's files by when they were made (ms). */
    filesOf: (account: string) => `${prefix}:files:of:${account}`,
    /** Sorted set: all files by when they expire (ms). */
    filesExpiring: `${prefix}:files:expiring`,
    /** Hash: a batch that was asked for over HTTP (`order`, `progress`: JSON; `cancelling_at`); see `batch-orders.ts`. */
    batchOrder: (orderId: string) => `${prefix}:batch-order:${orderId}`,
    /** String: the gateway that drives it now. */
    batchOrderLease: (orderId: string) => `${prefix}:batch-order-lease:${orderId}`,
    /** Sorted set: an account's batch orders by when they were made (ms). */
    batchOrdersOf: (account: string) => `${prefix}:batch-orders:of:${account}`,
    /** Sorted set: those that have not ended, by when they were made (ms). */
    batchOrdersOpen: `${prefix}:batch-orders:open`,
    /** Sorted set: those that have ended, each with its account, by when they are forgotten (ms). */
    batchOrdersEnded: `${prefix}:batch-orders:ended`,
    /** Sorted set: webhooks that are to be sent, by when they are tried next (ms); see `webhooks.ts`. */
    webhooks: `${prefix}:webhooks`,
    /** Hash: id of a webhook -> what is to be sent, and where (Webhook as JSON). */
    webhookData: `${prefix}:webhooks:data`,
    /** Hash: a virtual key; see `api-keys.ts`. */
    apiKey: (id: string) => `${prefix}:api-key:${id}`,
    /** Sorted set: the ids of all virtual keys, by when they were made. */
    apiKeys: `${prefix}:api-keys`,
    /** Hash: what somebody at the gateway's door has left of his limits, and the requests that he has under way; see `door.ts`. */
    door: (subject: string) => `${prefix}:door:${subject}`,
  };
}
