import { Writer, decode, encodeFlowMod, encodeInto, flowMod, flowsOf } from '../../flows/openflow/index.ts';
import type { Version } from '../../flows/openflow/index.ts';
import { flowsEqual } from '../../flows/model/index.ts';
import type { Flow, Instruction, Match } from '../../flows/model/index.ts';

/**
 * Codec speed on one core, with flows as the pipeline has them. `node bench/micro/openflow.ts [--json]` prints one object a
 * line: `{ bench, case, metric, unit, value, n }`. Every case checks what it made.
 */
const flowCount = 2000;
const roundMs = 1000;
const rounds = 5;

const group = (index: number): bigint => 1n << BigInt(index % 128);

/** Six shapes of flow, in turn: classification, routing, a conjunction's clause, its rule, conntrack, output. */
function pipelineFlow(index: number): Flow {
  const common = { cookie: 0x57e1_0000_0000_0000n | BigInt(index), priority: 1000 + (index % 50_000) };
  const ip: Match = [{ field: 'eth_type', value: 0x800 }];
  const shapes: readonly { readonly match: Match; readonly instructions: readonly Instruction[] }[] = [
    {
      match: [
        { field: 'in_port', value: index },
        { field: 'eth_src', value: 0x02_00_00_00_00_00 + index },
      ],
      instructions: [
        {
          kind: 'apply_actions',
          actions: [
            { kind: 'set_field', field: 'reg5', value: index },
            { kind: 'set_field', field: 'metadata', value: BigInt(index) },
          ],
        },
        { kind: 'goto_table', tableId: 10 },
      ],
    },
    {
      match: [...ip, { field: 'reg5', value: index }, { field: 'ipv4_dst', value: 0x0a00_0000 + (index % 4096) * 256, mask: 0xffff_ff00 }],
      instructions: [
        {
          kind: 'apply_actions',
          actions: [
            { kind: 'set_field', field: 'eth_dst', value: 0x02_00_00_00_00_00 + index },
            { kind: 'set_field', field: 'reg6', value: index },
            { kind: 'dec_nw_ttl' },
          ],
        },
        { kind: 'goto_table', tableId: 20 },
      ],
    },
    {
      match: [...ip, { field: 'reg5', value: index % 500 }, { field: 'xxreg0', value: group(index), mask: group(index) }],
      instructions: [{ kind: 'apply_actions', actions: [{ kind: 'conjunction', id: index, clause: 0, clauses: 2 }] }],
    },
    {
      match: [
        { field: 'conj_id', value: index },
        ...ip,
        { field: 'ct_state', value: 0x21, mask: 0x21 },
        { field: 'reg5', value: index % 500 },
      ],
      instructions: [
        { kind: 'apply_actions', actions: [{ kind: 'set_field', field: 'reg7', value: index }] },
        { kind: 'goto_table', tableId: 40 },
      ],
    },
    {
      match: [...ip, { field: 'ct_state', value: 0x21, mask: 0x21 }, { field: 'reg5', value: index % 500 }],
      instructions: [
        {
          kind: 'apply_actions',
          actions: [
            {
              kind: 'ct',
              commit: true,
              zone: { field: 'reg5', offset: 0, bits: 16 },
              table: 41,
              actions: [{ kind: 'set_field', field: 'ct_mark', value: 0 }],
            },
          ],
        },
      ],
    },
    {
      match: [
        { field: 'reg6', value: index },
        { field: 'eth_dst', value: 0x02_00_00_00_00_00 + index },
      ],
      instructions: [{ kind: 'apply_actions', actions: [{ kind: 'output', port: index }] }],
    },
  ];
  const { match, instructions } = shapes[index % shapes.length] ?? { match: [], instructions: [] };
  return { ...common, tableId: index % 60, match, instructions };
}

/** A dump of the flows in frames as full as a switch makes them. */
function dumpFrames(version: Version, flows: readonly Flow[]): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let start = 0; start < flows.length; start += 250) {
    const writer = new Writer(65_536);
    const entries = flows.slice(start, start + 250).map((flow) => ({
      table_id: flow.tableId,
      duration_sec: 100,
      duration_nsec: 7,
      priority: flow.priority,
      idle_timeout: 0,
      hard_timeout: 0,
      flags: [],
      importance: 0,
      cookie: flow.cookie,
      packet_count: 1234n,
      byte_count: 567_890n,
      match: flow.match,
      stats: [
        { field: 'packet_count', value: 1234n },
        { field: 'byte_count', value: 567_890n },
      ],
      instructions: flow.instructions,
    }));
    encodeInto(writer, {
      version,
      type: 'OFPT_MULTIPART_REPLY',
      xid: 1,
      body: { type: 'OFPMP_FLOW', flags: [], body: entries },
    });
    frames.push(writer.finish());
  }
  return frames;
}

/** Items a second of the best round: the machine is shared, and the worst tells of the others. */
function measure(itemsPerRun: number, run: () => void): number {
  let best = 0;
  for (let round = 0; round < rounds; round++) {
    let items = 0;
    const start = performance.now();
    let now = start;
    while (now - start < roundMs) {
      run();
      items += itemsPerRun;
      now = performance.now();
    }
    best = Math.max(best, (items * 1000) / (now - start));
  }
  return Math.round(best);
}

function report(name: string, value: number): void {
  if (process.argv.includes('--json'))
    console.log(JSON.stringify({ bench: 'micro/openflow', case: name, metric: 'throughput', unit: 'items/s', value, n: flowCount }));
  else console.log(`${name.padEnd(36)} ${value.toLocaleString('en')} items/s`);
}

const flows = Array.from({ length: flowCount }, (_, index) => pipelineFlow(index));

for (const version of [4, 6] as const) {
  const name = version === 4 ? '1.3' : '1.5';
  const writer = new Writer(1 << 20);
  const encodeAll = (): void => {
    writer.reset();
    flows.forEach((flow, index) => encodeFlowMod(writer, version, index, 'OFPFC_ADD', flow));
  };
  report(`flow-mod encode, OpenFlow ${name}`, measure(flowCount, encodeAll));
  const expected = new Writer(1 << 20);
  flows.forEach((flow, index) => encodeInto(expected, flowMod(version, index, 'OFPFC_ADD', flow)));
  if (Buffer.compare(writer.finish(), expected.finish()) !== 0) throw new Error('the short way and the long way encode differently');

  const frames = dumpFrames(version, flows);
  let decoded: Flow[] = [];
  const decodeAll = (): void => {
    decoded = [];
    for (const frame of frames) for (const flow of flowsOf(decode(frame)) ?? []) decoded.push(flow);
  };
  report(`flow-stats decode, OpenFlow ${name}`, measure(flowCount, decodeAll));
  if (decoded.length !== flowCount || !decoded.every((flow, index) => flowsEqual(flow, flows[index] ?? flow)))
    throw new Error('the decoded flows are others');
}
