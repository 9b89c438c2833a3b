/** What stands between the parts of a gate's name: neither occurs in the names of providers and keys. */
const KEY_SIGN = '#';
const MODEL_SIGN = '|';

export type GateNames = { circuit: string; key: string; pair: string };

/** The names of the three gates in front of a call: `provider|model`, `provider#key` and `provider#key|model`. */
export function gateNames(provider: string, key: string, model: string): GateNames {
  // The ledger keeps names in lines of their own.
  const ofModel = MODEL_SIGN + model.replaceAll(/\p{Cc}/gu, ' ');
  const ofKey = provider + KEY_SIGN + key;
  return { circuit: provider + ofModel, key: ofKey, pair: ofKey + ofModel };
}

/**
 * The name of the gate of a caller: `limit:name`, or `limit:name/caller` where each has its own. What would make it another
 * gate's name is written in per cent signs.
 */
export function callerGateName(limit: string, caller: string | undefined): string {
  const name = `limit:${encodeURIComponent(limit)}`;
  return caller === undefined ? name : `${name}/${encodeURIComponent(caller.toWellFormed())}`;
}

/** What a gate stands in front of. */
export function partsOf(gate: string): { provider: string; key?: string; model?: string } {
  const parts = /^(?<provider>[^#|]*)(?:#(?<key>[^|]*))?(?:\|(?<model>.*))?$/.exec(gate)?.groups ?? {};
  const { provider = gate, key, model } = parts;
  return { provider, ...(key === undefined ? {} : { key }), ...(model === undefined ? {} : { model }) };
}
