import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { flowKey, flowsEqual, groupsEqual, metersEqual } from '../../flows/model/index.ts';
import type { Flow, Group, Meter } from '../../flows/model/index.ts';
import {
  Framer,
  allGroups,
  allMeters,
  allTables,
  bundleAdd,
  bundleControl,
  decode,
  encode,
  flowChangesOf,
  flowDump,
  flowMod,
  flowMonitor,
  flowsOf,
  fromJson,
  groupMod,
  groupsOf,
  meterMod,
  metersOf,
  toHex,
  toJson,
} from '../../flows/openflow/index.ts';
import type { BundleFlag, Message, Version } from '../../flows/openflow/index.ts';
import { anyGroupId, anyMeterId, flows } from '../flows/openflow/arbitrary.ts';
import { RealSwitch, bridge } from './session-switch.ts';

/** The codec against a real switch: what it says we decode and send again alike, and random flows come back equal from a dump. */

const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));

let real: RealSwitch;
beforeAll(async () => {
  real = await RealSwitch.start('OpenFlow13,OpenFlow14,OpenFlow15');
});
afterAll(() => real.stop());

/** Sends messages with an echo behind them and returns all that came before its reply. */
async function converse(version: Version, messages: readonly Message[]): Promise<readonly Message[]> {
  const socket: Socket = connect(join(real.dir, `${bridge}.mgmt`));
  try {
    return await new Promise((resolve, reject) => {
      const framer = new Framer();
      const received: Message[] = [];
      socket.on('error', reject);
      socket.on('data', (chunk) =>
        framer.push(chunk, (frame) => {
          const message = decode(frame);
          const json = JSON.stringify(toJson(message));
          if (toHex(encode(message)) !== toHex(frame) || toHex(encode(fromJson(JSON.parse(json)))) !== toHex(frame))
            reject(new Error(`sent again otherwise: ${toHex(frame)} as ${json}`));
          received.push(message);
          if (message.type === 'OFPT_ECHO_REPLY') resolve(received);
        }),
      );
      const hello: Message = {
        version,
        type: 'OFPT_HELLO',
        xid: 0,
        body: { elements: [{ type: 'OFPHET_VERSIONBITMAP', bitmaps: [1 << version] }] },
      };
      const echo: Message = { version, type: 'OFPT_ECHO_REQUEST', xid: 1, body: { data: new Uint8Array() } };
      socket.write(Buffer.concat([hello, ...messages, echo].map((message) => encode(message))));
    });
  } finally {
    socket.destroy();
  }
}

const group: Group = {
  groupId: anyGroupId,
  type: 'select',
  buckets: [
    { weight: 5, actions: [{ kind: 'output', port: 1 }] },
    { weight: 6, actions: [] },
  ],
};
const meter: Meter = { meterId: anyMeterId, unit: 'kbps', burst: true, stats: true, bands: [{ kind: 'drop', rate: 1000, burst: 100 }] };
const every: Flow = { tableId: allTables, priority: 0, cookie: 0n, match: [], instructions: [] };
const atomic: readonly BundleFlag[] = ['OFPBF_ATOMIC', 'OFPBF_ORDERED'];

function request(version: Version, type: string, body: unknown): Message {
  return { version, type: 'OFPT_MULTIPART_REQUEST', xid: 7, body: { type, flags: [], body } } as Message;
}

function questions(version: Version): Message[] {
  const any = 0xffffffff;
  const simple = (['OFPT_FEATURES_REQUEST', 'OFPT_GET_CONFIG_REQUEST', 'OFPT_GET_ASYNC_REQUEST'] as const).map((type): Message => ({
    version,
    type,
    xid: 7,
    body: {},
  }));
  return [
    ...simple,
    request(version, 'OFPMP_DESC', {}),
    request(version, 'OFPMP_AGGREGATE', { table_id: allTables, out_port: any, out_group: any, cookie: 0n, cookie_mask: 0n, match: [] }),
    request(version, 'OFPMP_TABLE', {}),
    request(version, 'OFPMP_PORT_STATS', { port_no: any }),
    request(version, 'OFPMP_QUEUE', { port_no: any, queue_id: any }),
    request(version, 'OFPMP_GROUP', { group_id: allGroups }),
    request(version, 'OFPMP_GROUP_DESC', version === 6 ? { group_id: allGroups } : {}),
    request(version, 'OFPMP_GROUP_FEATURES', {}),
    request(version, 'OFPMP_METER', { meter_id: allMeters }),
    request(version, 'OFPMP_METER_CONFIG', { meter_id: allMeters }),
    request(version, 'OFPMP_METER_FEATURES', {}),
    request(version, 'OFPMP_TABLE_FEATURES', []),
    request(version, 'OFPMP_PORT_DESC', version === 6 ? { port_no: any } : {}),
    ...(version > 4
      ? [request(version, 'OFPMP_TABLE_DESC', {}), request(version, 'OFPMP_QUEUE_DESC', { port_no: any, queue_id: any })]
      : []),
  ];
}

test.each([4, 5, 6] as const)('version %i', async (version) => {
  const wanted = new Map(fc.sample(flows(version), { seed, numRuns: 500 }).map((flow) => [flowKey(flow), flow]));
  const received = await converse(version, [
    flowMod(version, 2, 'OFPFC_DELETE', every),
    groupMod(version, 2, 'OFPGC_DELETE', { groupId: allGroups, type: 'all', buckets: [] }),
    meterMod(version, 2, 'OFPMC_DELETE', { ...meter, meterId: allMeters, bands: [] }),
    groupMod(version, 2, 'OFPGC_ADD', group),
    meterMod(version, 2, 'OFPMC_ADD', meter),
    flowMonitor(version, 3, 1, ['OFPFMF_INITIAL', 'OFPFMF_ADD', 'OFPFMF_REMOVED', 'OFPFMF_MODIFY', 'OFPFMF_INSTRUCTIONS']),
    bundleControl(version, 4, 9, 'OPEN', atomic),
    ...Array.from(wanted.values(), (flow, index) => bundleAdd(version, 100 + index, 9, atomic, flowMod(version, 0, 'OFPFC_ADD', flow))),
    bundleControl(version, 5, 9, 'COMMIT', atomic),
    flowDump(version, 6),
    ...questions(version),
  ]);
  expect(received.filter(({ type }) => type === 'OFPT_ERROR').map((message) => toJson(message))).toEqual([]);
  const dumped = received.flatMap((message) => flowsOf(message) ?? []);
  expect(dumped.length).toBe(wanted.size);
  const others = dumped.filter((flow) => !flowsEqual(flow, wanted.get(flowKey(flow)) ?? every));
  expect({ seed, others }).toEqual({ seed, others: [] });
  expect(received.flatMap((message) => groupsOf(message) ?? []).every((found) => groupsEqual(found, group))).toBe(true);
  expect(received.flatMap((message) => metersOf(message) ?? []).map((found) => metersEqual(found, meter))).toEqual([true]);
  expect(received.flatMap((message) => flowChangesOf(message) ?? []).filter(({ kind }) => kind === 'own').length).toBeGreaterThan(0);
});
