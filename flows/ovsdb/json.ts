/**
 * JSON as OVSDB speaks it. An integer outside the safe range is a bigint, so that no 64-bit value is rounded;
 * every other number is a number. Objects have only own enumerable properties, `__proto__` included.
 */
export type JsonValue = string | number | bigint | boolean | null | JsonArray | JsonObject;
export type JsonArray = readonly JsonValue[];
export type JsonObject = { readonly [key: string]: JsonValue };

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isJsonArray(value: JsonValue | undefined): value is JsonArray {
  return Array.isArray(value);
}

/** Own property or undefined; inherited names such as `constructor` are never found. */
export function member(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** JSON text of one value. Bigints are written as integers, which `JSON.stringify` refuses. */
export function encodeJson(value: JsonValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isJsonArray(value)) return `[${value.map(encodeJson).join(',')}]`;
  const members = Object.entries(value).map(([key, entry]) => `${JSON.stringify(key)}:${encodeJson(entry)}`);
  return `{${members.join(',')}}`;
}

/** A message for a person, cut so that a hostile peer cannot fill a log. */
export function excerpt(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  const text = encodeJson(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
