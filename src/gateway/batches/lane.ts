import type { Config } from '../../domain/config.ts';
import { defaultLane } from '../../producer/index.ts';
import { ApiError } from '../api-error.ts';
import type { Caller } from '../caller.ts';

type Allowed = Pick<Caller, 'lanes'>;

/** The lane of rows that name none: that which was wished for, else the usual one, else the first that may be. */
export function laneOfOrder(wished: string | undefined, caller: Allowed, config: Config): string {
  const known = Object.keys(config.lanes);
  if (wished !== undefined && !known.includes(wished)) {
    throw new ApiError(400, 'invalid_request_error', `there is no lane ${JSON.stringify(wished)} here`, {
      param: 'headers',
    });
  }
  if (wished !== undefined) {
    checkLaneOfRow(wished, caller, config);
    return wished;
  }
  const usual = [config.gateway.batches.lane, 'batch', ...known].find(
    (lane): lane is string => lane !== undefined && known.includes(lane) && mayHoldRows(lane, caller, config),
  );
  if (usual !== undefined) return usual;
  const message = caller.lanes
    ? `no batch may lie in any lane that this key may use: ${caller.lanes.join(', ')}`
    : 'there is no lane for batches here: the operator can add one, or name one in gateway.batches.lane';
  throw laneNotAllowed(message);
}

/** Throws an ApiError 403 for a lane that the key may not name, or where somebody waits for each answer. */
export function checkLaneOfRow(lane: string, caller: Allowed, config: Config): void {
  if (mayHoldRows(lane, caller, config)) return;
  const others = Object.keys(config.lanes).filter((other) => mayHoldRows(other, caller, config));
  const instead = others.length > 0 ? `; it may lie in ${others.join(', ')}` : '';
  throw laneNotAllowed(
    caller.lanes
      ? `this key may not use lane "${lane}"; it may use ${caller.lanes.join(', ')}`
      : `lane "${lane}" is for requests that somebody waits for; a batch goes there only with a key whose lanes name it${instead}`,
  );
}

/**
 * The lane of requests for which somebody waits is none for batches, unless the operator has said so: in the lanes of a key,
 * or with `gateway.batches.lane`.
 */
function mayHoldRows(lane: string, { lanes }: Allowed, config: Config): boolean {
  if (lanes !== undefined) return lanes.includes(lane);
  return lane !== defaultLane(config) || lane === config.gateway.batches.lane;
}

function laneNotAllowed(message: string): ApiError {
  return new ApiError(403, 'invalid_request_error', message, { code: 'lane_not_allowed', param: 'lane' });
}
