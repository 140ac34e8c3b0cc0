import { expect, test } from 'vitest';
import { fieldOf, fields, flowKey, flowsEqual, groupsEqual, matchKey, metersEqual } from '../../../flows/model/index.ts';
import type { Flow, Match } from '../../../flows/model/index.ts';

const equal: readonly [string, Match, Match][] = [
  [
    'order',
    [
      { field: 'eth_type', value: 0x800 },
      { field: 'reg0', value: 1 },
    ],
    [
      { field: 'reg0', value: 1 },
      { field: 'eth_type', value: 0x800 },
    ],
  ],
  ['a full mask', [{ field: 'reg0', value: 1, mask: 0xffff_ffff }], [{ field: 'reg0', value: 1 }]],
  ['a full mask of a narrow field', [{ field: 'vlan_vid', value: 0x1005, mask: 0x1fff }], [{ field: 'vlan_vid', value: 0x1005 }]],
  ['a full mask of 128 bits', [{ field: 'ipv6_src', value: 1n, mask: (1n << 128n) - 1n }], [{ field: 'ipv6_src', value: 1n }]],
  ['a zero mask', [{ field: 'metadata', value: 0n, mask: 0n }], []],
  ['bits outside of the mask', [{ field: 'metadata', value: 0xffn, mask: 0xfn }], [{ field: 'metadata', value: 0xfn, mask: 0xfn }]],
  ['the NXM spelling', [{ field: 'eth_type_nxm', value: 0x800 }], [{ field: 'eth_type', value: 0x800 }]],
  ['number and bigint', [{ field: 'metadata', value: 5 }], [{ field: 'metadata', value: 5n }]],
];

test.each(equal)('%s does not count', (_, a, b) => {
  expect(matchKey(a)).toBe(matchKey(b));
});

const different: readonly [Match, Match][] = [
  [[{ field: 'reg0', value: 1 }], [{ field: 'reg1', value: 1 }]],
  [[{ field: 'reg0', value: 1 }], [{ field: 'reg0', value: 1, mask: 1 }]],
  [[{ field: 'tcp_dst', value: 80 }], [{ field: 'udp_dst', value: 80 }]],
  [
    [{ field: 'oxm', class: 1, number: 2, hasmask: false, bytes: '00' }],
    [{ field: 'oxm', class: 1, number: 2, hasmask: false, bytes: '01' }],
  ],
];

test.each(different)('%j is another match than %j', (a, b) => {
  expect(matchKey(a)).not.toBe(matchKey(b));
});

test('no two fields stand at the same place, and none is wider than its payload', () => {
  const places = fields.map((field) => `${field.oxmClass}/${field.experimenter}/${field.number}`);
  expect(new Set(places).size).toBe(fields.length);
  expect(fields.filter((field) => field.widthBits > field.bytes * 8)).toEqual([]);
  expect(fields.filter((field) => field.aliasOf !== undefined && fieldOf(field.aliasOf).widthBits !== field.widthBits)).toEqual([]);
});

const flow: Flow = {
  tableId: 3,
  priority: 5,
  cookie: 7n,
  match: [{ field: 'reg0', value: 1 }],
  instructions: [
    { kind: 'apply_actions', actions: [{ kind: 'output', port: 1 }] },
    { kind: 'goto_table', tableId: 9 },
  ],
};

test('flows are equal by key, cookie and instructions', () => {
  expect(flowsEqual(flow, { ...flow, idleTimeout: 5, flags: ['OFPFF_SEND_FLOW_REM'], instructions: flow.instructions.toReversed() })).toBe(
    true,
  );
  expect(flowsEqual(flow, { ...flow, instructions: [...flow.instructions, { kind: 'write_actions', actions: [] }] })).toBe(true);
  expect(flowsEqual(flow, { ...flow, cookie: 8n })).toBe(false);
  expect(flowsEqual(flow, { ...flow, priority: 6 })).toBe(false);
  expect(flowsEqual(flow, { ...flow, instructions: [] })).toBe(false);
  expect(flowKey(flow)).toBe(flowKey({ ...flow, match: [{ field: 'reg0', value: 1, mask: 0xffff_ffff }] }));
});

test('an action that names a field in NXM is the same action', () => {
  const load = (field: 'eth_dst' | 'eth_dst_nxm'): Flow => ({
    ...flow,
    instructions: [{ kind: 'apply_actions', actions: [{ kind: 'set_field', field, value: 1, mask: 3 }] }],
  });
  expect(flowsEqual(load('eth_dst'), load('eth_dst_nxm'))).toBe(true);
});

test('groups and meters are equal by what they do', () => {
  const group = { groupId: 1, type: 'select', buckets: [{ bucketId: 4, weight: 1, actions: [] }] } as const;
  expect(groupsEqual(group, { ...group, buckets: [{ weight: 1, watchPort: 0xffff_ffff, actions: [] }] })).toBe(true);
  expect(groupsEqual(group, { ...group, buckets: [{ weight: 2, actions: [] }] })).toBe(false);
  expect(groupsEqual(group, { ...group, type: 'all' })).toBe(false);
  const meter = { meterId: 1, unit: 'kbps', burst: false, stats: false, bands: [{ kind: 'drop', rate: 5, burst: 0 }] } as const;
  expect(metersEqual(meter, { ...meter })).toBe(true);
  expect(metersEqual(meter, { ...meter, unit: 'pktps' })).toBe(false);
  const [band] = meter.bands;
  const bursting = { ...meter, burst: true };
  expect(metersEqual(meter, { ...meter, bands: [{ ...band, burst: 7 }] })).toBe(true);
  expect(metersEqual(bursting, { ...bursting, bands: [{ ...band, burst: 7 }] })).toBe(false);
  expect(metersEqual(meter, { ...meter, bands: [{ ...band, rate: 6 }] })).toBe(false);
  expect(metersEqual(meter, { ...meter, bands: [band, band] })).toBe(false);
  const remarking = { ...meter, bands: [{ ...band, kind: 'dscp_remark', precLevel: 1 }] } as const;
  expect([metersEqual(meter, remarking), metersEqual(remarking, meter)]).toEqual([false, false]);
  expect(metersEqual(remarking, { ...remarking, bands: [{ ...remarking.bands[0], precLevel: 2 }] })).toBe(false);
  const unknown = (bytes: string) => ({ ...meter, bands: [{ kind: 'unknown', bytes }] }) as const;
  expect([metersEqual(unknown('00'), unknown('00')), metersEqual(unknown('00'), unknown('01'))]).toEqual([true, false]);
});
