import { expect, test } from 'vitest';
import { DecodeError } from '../../../src/base/errors.ts';
import {
  bundleReplyOf,
  decode,
  encode,
  flowChangesOf,
  flowsOf,
  fromJson,
  groupsOf,
  metersOf,
  toHex,
  toJson,
  versionsOf,
} from '../../../flows/openflow/index.ts';
import type { Message } from '../../../flows/openflow/index.ts';
import { flowsEqual } from '../../../flows/model/index.ts';
import { printed } from './ofctl.ts';
import { flow, samples } from './samples.ts';

const versions = [4, 5, 6] as const;

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replace(/\s/g, ''), 'hex'));

test.each(versions)('every message of version %i comes back the same, from bytes and from JSON', (version) => {
  for (const message of samples(version)) {
    const bytes = encode(message);
    const decoded = decode(bytes);
    const json = JSON.stringify(toJson(decoded));
    expect(decoded).toEqual(message);
    expect({ json, hex: toHex(encode(decoded)) }).toEqual({ json, hex: toHex(bytes) });
    expect(fromJson(JSON.parse(json))).toEqual(message);
  }
});

test.each(versions)('ovs-ofctl takes every message of version %i', async (version) => {
  const messages = samples(version);
  for (const message of messages) {
    const text = (await printed([encode(message)])).join('\n');
    const refused = /decode error/i.test(text) || !/^(OFP|NX|ONF)/.test(text);
    expect({ text, refused, json: toJson(message) }).toMatchObject({ refused: false });
  }
});

function failure(hex: string): [string, number] {
  try {
    decode(bytesOf(hex));
  } catch (error) {
    if (error instanceof DecodeError) return [error.code, error.offset];
    throw error;
  }
  throw new Error('it was decoded');
}

/** A 1.3 flow-mod with that match and those instructions. */
function flowModWith(tail: string): string {
  const body = `${'00'.repeat(40)}${tail.replace(/\s/g, '')}`;
  return `040e${(body.length / 2 + 8).toString(16).padStart(4, '0')}00000001${body}`;
}

test('an error names its code and the byte', () => {
  expect(failure('04')).toEqual(['truncated', 1]);
  expect(failure('0400000900000001')).toEqual(['bad_length', 2]);
  expect(failure('0405000800000001 00')).toEqual(['bad_length', 2]);
  expect(failure('0005000800000001')).toEqual(['bad_version', 0]);
  expect(failure('0105000800000001')).toEqual(['bad_version', 0]);
  expect(failure('0414000c00000001 00000000')).toEqual(['trailing_bytes', 8]);
  // A flow-mod whose match is standard, too long, or has a field of the wrong size; then an action of 4 bytes.
  expect(failure(flowModWith('0000000400000000'))).toEqual(['bad_match_type', 48]);
  expect(failure(flowModWith('0001000c00000000'))).toEqual(['bad_length', 48]);
  expect(failure(flowModWith('0001000b80000a03000000 0000000000'))).toEqual(['bad_match_length', 52]);
  expect(failure(flowModWith('0001000400000000 0004001000000000 0000000400000000'))).toEqual(['bad_action_length', 64]);
});

test('actions nested without end are refused', () => {
  let inner = '0000001000000001000000000000 0000'.replace(/\s/g, '');
  for (let depth = 0; depth < 12; depth++) {
    const length = (inner.length / 2 + 16).toString(16).padStart(4, '0');
    inner = `ffff${length}00002320002a000000000000${inner}`;
  }
  const apply = `0004${(inner.length / 2 + 8).toString(16).padStart(4, '0')}00000000${inner}`;
  const body = `${'00'.repeat(40)}0001000400000000${apply}`;
  const message = `040e${(body.length / 2 + 8).toString(16).padStart(4, '0')}00000001${body}`;
  expect(failure(message)[0]).toBe('too_deep');
});

test('what is not known is kept and sent again', () => {
  const opaque = [
    // A type, an experimenter, a multipart type, an action, an instruction, a match field, a property of a hello.
    '0463000c00000001 01020304',
    '0404001400000001 0000abcd 00000007 01020304',
    '0413001800000001 00630000 00000000 0102030405060708',
    `040e005800000001${'00'.repeat(40)}0001000400000000 0004001800000000 ffff0010 0000abcd 0102030405060708 0001000805000000`,
    `040e004800000001${'00'.repeat(40)}0001000400000000 ffff001000000001 0102030405060708`,
    `040e004000000001${'00'.repeat(40)}0001000d 8001fe05 0102030405 000000`,
    '04000010000000010007000801020304',
  ];
  for (const hex of opaque) {
    const bytes = bytesOf(hex);
    const decoded = decode(bytes);
    expect(toHex(encode(decoded))).toBe(toHex(bytes));
    expect(toHex(encode(fromJson(JSON.parse(JSON.stringify(toJson(decoded))))))).toBe(toHex(bytes));
  }
});

test('hello, of any version, tells what it offers', () => {
  const hello = (hex: string): readonly number[] => {
    const message = decode(bytesOf(hex));
    if (message.type !== 'OFPT_HELLO') throw new Error('another type');
    return versionsOf(message.body, message.version);
  };
  expect(hello('0100000800000000')).toEqual([1]);
  expect(hello('0700001000000000 0001000800000070')).toEqual([4, 5, 6]);
  // Bytes that are no element do not matter.
  expect(hello('0600001400000000 0001000800000030 ffffffff')).toEqual([4, 5]);
});

test.each([
  ['0401000c00000001 00110001', 'OFPET_BUNDLE_FAILED', 'OFPBFC_EPERM'],
  ['0401000c00000001 000b0000', 'OFPET_ROLE_REQUEST_FAILED', 'OFPRRFC_STALE'],
  ['0401001000000001 ffff08fe 4f4e4600', 'OFPET_EXPERIMENTER', 'OFPBFC_BAD_ID'],
  ['0401001000000001 ffff002a 00002320', 'OFPET_EXPERIMENTER', 'NXBAC_CT_DATAPATH_SUPPORT'],
  ['0401000c00000001 00630007', 99, 7],
  ['0401000c00000001 00010063', 'OFPET_BAD_REQUEST', 99],
])('an error %s is %s %s', (hex, type, code) => {
  const message = decode(bytesOf(hex));
  expect(message.body).toMatchObject({ type, code });
  expect(toHex(encode(message))).toBe(hex.replace(/\s/g, ''));
});

test('JSON that is no message is refused with the place', () => {
  const refused: readonly [unknown, RegExp][] = [
    [null, /must be an object/],
    [{ version: 4, type: 'OFPT_FLOW_MOD', xid: 1 }, /\/body must be an object/],
    [{ version: 4, type: 'OFPT_NONE', xid: 1, body: {} }, /\/type names no message/],
    [{ version: 9, type: 'OFPT_FLOW_MOD', xid: 1, body: {} }, /\/version/],
    [{ version: 4, type: 'OFPT_BARRIER_REQUEST', xid: 2 ** 32, body: {} }, /\/xid/],
    [{ version: 4, type: 'OFPT_ECHO_REQUEST', xid: 1, body: { data: 'abc' } }, /\/body\/data/],
    [{ version: 4, type: 'OFPT_BUNDLE_CONTROL', xid: 1, body: {} }, /is no message of version 4/],
  ];
  for (const [json, place] of refused) expect(() => fromJson(json)).toThrow(place);
  const json = JSON.parse(JSON.stringify(toJson(samples(4).find(({ type }) => type === 'OFPT_FLOW_MOD') as Message))) as {
    body: { match: { value: unknown }[]; priority: unknown };
  };
  json.body.priority = 70_000;
  expect(() => fromJson(json)).toThrow(/\/body\/priority/);
  json.body.priority = 7;
  (json.body.match[0] as { value: unknown }).value = 70_000;
  expect(() => fromJson(json)).toThrow(/\/body\/match\/0\/value/);
});

test.each(versions)('domain values come out of the replies of version %i', (version) => {
  const all = samples(version);
  const flows = all.flatMap((message) => flowsOf(message) ?? []);
  expect(flows.length).toBe(1);
  expect(flows.every((found) => flowsEqual(found, flow))).toBe(true);
  expect(all.flatMap((message) => groupsOf(message) ?? [])).toMatchObject([
    { groupId: 7, type: 'select', buckets: [{ weight: 3 }, { weight: 4 }] },
  ]);
  expect(all.flatMap((message) => metersOf(message) ?? [])).toEqual([
    { meterId: 4, unit: 'kbps', burst: false, stats: false, bands: [{ kind: 'drop', rate: 5, burst: 6 }] },
  ]);
  expect(all.flatMap((message) => flowChangesOf(message) ?? []).map(({ kind }) => kind)).toEqual(
    version === 4 ? ['added', 'own'] : ['initial', 'own', 'paused'],
  );
  expect(all.flatMap((message) => bundleReplyOf(message) ?? [])).toEqual([{ bundleId: 9, type: 'OFPBCT_OPEN_REQUEST' }]);
});
