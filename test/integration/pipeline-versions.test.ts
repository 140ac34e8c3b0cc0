import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../../bench/workloads/random.ts';
import { flowKey, flowsEqual } from '../../flows/model/index.ts';
import type { Flow } from '../../flows/model/index.ts';
import { renderMeters } from '../../flows/render/index.ts';
import { createGraph } from '../../policies/index.ts';
import type { Element } from '../../policies/compiled.ts';
import { RandomCloud } from '../policies/random-cloud.ts';
import { crowd, crowdedHost } from '../support/dense-cloud.ts';
import { bigintText, renderHost } from '../support/render-host.ts';
import { TraceBridge } from '../support/trace-bridge.ts';

/** Every flow that is rendered is taken in every version of OpenFlow, and comes back in a dump as what was sent. */

let bridge: TraceBridge;
beforeAll(async () => void (bridge = await TraceBridge.start()));
afterAll(() => bridge.stop());

const versions = [
  ['1.3', 4],
  ['1.4', 5],
  ['1.5', 6],
] as const;

function crowdedElements(seed: number): readonly Element[] {
  const random = new Random(seed);
  const cloud = new RandomCloud(random);
  for (let step = 0; step < 60; step++) cloud.mutate();
  crowd(cloud.documents, random);
  const graph = createGraph();
  graph.load(cloud.documents);
  return [...graph.elements(crowdedHost).values()];
}

/** What IPv6 tunnels, a flooded network behind them, every kind of service clause and the last zone with all of its meters add. */
const rareElements: readonly Element[] = [
  {
    kind: 'interface',
    portId: 'last',
    zone: 65_534,
    tenant: 9,
    domain: 77,
    vni: 77,
    mac: 0x02ff_0000_0001,
    addresses: [],
    groups: 0n,
    egress: { maxKbps: 1000, burstKb: 100 },
    ingress: { maxKbps: 1000, burstKb: 100 },
    dscp: 63,
    raises: { reject: true, log: true },
  },
  { kind: 'tunnel', host: 'far', encap: { family: 6, value: 0x2001_0db8n << 96n } },
  { kind: 'flood', vni: 77, zones: [1, 2], encaps: [{ family: 6, value: 0x2001_0db8n << 96n }] },
  { kind: 'network', vni: 77, domain: 77, gateways: [], isolated: true, broadcast: false },
  {
    kind: 'rule',
    id: 0xffff_ffff,
    tenant: 9,
    tier: 'platform',
    direction: 'egress',
    priority: 65_535,
    action: 'allow',
    local: [0, 127],
    peers: {
      groups: [0, 127],
      prefixes: [
        { family: 6, value: 0n, length: 0 },
        { family: 4, value: 0x0a00_0000n, length: 8 },
      ],
    },
    services: [
      { protocol: 'tcp', ports: { first: 0, last: 65_535 } },
      { protocol: 'udp', ports: { first: 1, last: 65_534 } },
      { protocol: 'sctp', ports: { first: 80, last: 80 }, destination: 127 },
      { protocol: 'icmp', type: undefined, code: 3 },
      { protocol: 'icmpv6', type: 255, code: 255 },
    ],
    log: true,
  },
];

test.each(versions)('OpenFlow %s', async (_, version) => {
  const elements = [...crowdedElements(version), ...rareElements];
  const ports = new Map(
    elements.flatMap((element) => (element.kind === 'interface' ? [element.portId] : [])).map((id, index) => [id, index + 1]),
  );
  const flows = renderHost(elements, (portId) => ports.get(portId));
  expect(new Set(flows.map(flowKey)).size, 'no two flows with one key').toBe(flows.length);
  const management = await bridge.manage(version);
  try {
    await management.clear();
    await management.addMeters(elements.flatMap(renderMeters));
    expect(await management.send('OFPFC_ADD', flows)).toEqual([]);
    const installed = new Map((await management.dump()).map((flow) => [flowKey(flow), flow]));
    const missing = flows.filter((flow) => !equalsInstalled(flow, installed.get(flowKey(flow))));
    expect(
      missing.slice(0, 3).map((flow) => JSON.stringify({ flow, installed: installed.get(flowKey(flow)) ?? null }, bigintText)),
    ).toEqual([]);
    expect(installed.size).toBe(flows.length);
  } finally {
    management.close();
  }
});

const equalsInstalled = (flow: Flow, installed: Flow | undefined): boolean => installed !== undefined && flowsEqual(flow, installed);
