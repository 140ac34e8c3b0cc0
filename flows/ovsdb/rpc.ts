import { WeirError } from '../../src/base/errors.ts';
import { encodeJson, excerpt, isJsonArray, isJsonObject, member } from './json.ts';
import type { JsonArray, JsonValue } from './json.ts';

/** JSON-RPC 1.0 over a stream, as RFC 7047 section 4 uses it: each side may ask the other. */
export type RpcMessage =
  | { readonly kind: 'request'; readonly method: string; readonly params: JsonArray; readonly id: JsonValue }
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonArray }
  | { readonly kind: 'response'; readonly id: JsonValue; readonly result: JsonValue; readonly error: JsonValue };

function malformed(value: JsonValue): never {
  throw new WeirError('ovsdb-protocol', `${excerpt(value)} is no JSON-RPC message`);
}

/** @throws WeirError `ovsdb-protocol` when it is none of the three. */
export function decodeRpc(value: JsonValue): RpcMessage {
  if (!isJsonObject(value)) malformed(value);
  const id = member(value, 'id') ?? null;
  const method = member(value, 'method');
  if (method !== undefined) {
    const params = member(value, 'params');
    if (typeof method !== 'string' || !isJsonArray(params)) malformed(value);
    return id === null ? { kind: 'notification', method, params } : { kind: 'request', method, params, id };
  }
  const result = member(value, 'result');
  if (id === null || result === undefined) malformed(value);
  return { kind: 'response', id, result, error: member(value, 'error') ?? null };
}

export function encodeRequest(id: number | string, method: string, params: JsonValue): string {
  return encodeJson({ id, method, params });
}

export function encodeReply(id: JsonValue, result: JsonValue): string {
  return encodeJson({ id, result, error: null });
}

export function encodeError(id: JsonValue, error: string): string {
  return encodeJson({ id, result: null, error });
}
