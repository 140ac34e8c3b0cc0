import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encode } from '../../flows/openflow/index.ts';
import type { Message, MessageOf } from '../../flows/openflow/index.ts';
import { bundled } from '../support/openflow-proxy.ts';
import type { Meddler } from '../support/openflow-proxy.ts';
import type { SwitchErrorAnswer } from '../support/weir-client.ts';
import { until } from '../support/weir-client.ts';
import { Standing } from '../support/standing.ts';

/**
 * Switches that lie, several at once, beside one that does not. Whatever they say: the process lives, the others go on, the lie is
 * told, and when the switch behaves again everything is as it should be.
 */

let standing: Standing;
const honest = 'hv8';
const nothing = new Uint8Array();
/** The parts run beside each other, what is in them does not. */
const inTurn = { concurrent: false } as const;

beforeAll(async () => {
  standing = await Standing.start(8);
});

afterAll(() => standing.stop());

const meddle = (host: string, meddler: Meddler): (() => void) => standing.proxy.meddle(standing.addressOf(host), meddler);
const inject = (host: string, ...said: readonly (Message | Uint8Array)[]): void => standing.proxy.inject(standing.addressOf(host), ...said);
const errorFor = ({ version, xid }: Message, type: string, code: string): Message => ({
  version,
  type: 'OFPT_ERROR',
  xid,
  body: { type, code, data: nothing },
});
const control = (message: Message): string | number | undefined => (message.type === 'OFPT_BUNDLE_CONTROL' ? message.body.type : undefined);

let port = 1000;
const change = (host: string, timeoutMs?: number): ReturnType<Standing['allow']> => standing.allow(host, ++port, timeoutMs);

async function expectOthersGoOn(): Promise<void> {
  expect(await change(honest)).toMatchObject({ status: 200 });
}

/** The switch behaves again: what was wanted meanwhile is there, to the last flow, and no error is left. */
async function expectRecovered(host: string): Promise<void> {
  await until(async () => (await change(host, 2_000)).status === 200);
  expect(await standing.resync(host)).toBe(0);
  await until(async () => {
    const { connected, errors, warnings } = (await standing.weir.host(host)) ?? {};
    return connected === true && errors?.length === 0 && warnings?.length === 0;
  });
}

/** Cuts with a code that were logged from now on, once the metrics have counted as many. */
function cuts(code: string): () => Promise<number> {
  const logged = (): number => standing.weir.events('peer-cut').filter((line) => line['code'] === code).length;
  const counted = (): Promise<number> => standing.weir.metric('weir_peer_cuts_total', `code="${code}"`);
  const before = logged();
  return async () => {
    await until(async () => (await counted()) === logged());
    return logged() - before;
  };
}

describe.concurrent('what is refused', () => {
  test('an error on an ADD shows on the policy or network, in the log and in a counter; the rest is carried out', inTurn, async () => {
    const stop = meddle('hv1', {
      toSwitch(message, reply) {
        const inner = bundled(message);
        if (inner?.type !== 'OFPT_FLOW_MOD' || (inner.body.table_id !== 37 && inner.body.table_id !== 10)) return undefined;
        reply(errorFor(message, 'OFPET_FLOW_MOD_FAILED', 'OFPFMFC_TABLE_FULL'));
        return [];
      },
    });
    const counted = await standing.weir.metric('weir_openflow_errors_total', errorLabels('hv1', 'FLOW_MOD_FAILED/OFPFMFC_TABLE_FULL'));
    const changedMs = Math.floor(standing.clock.wallMs());
    expect(await change('hv1')).toMatchObject({ status: 200 });
    const { errors } = await status('/v1/tenants/t1/policies/web');
    expect(errors).toMatchObject([{ host: 'hv1', error: 'OFPET_FLOW_MOD_FAILED/OFPFMFC_TABLE_FULL' }]);
    expect(errors[0]?.element).toMatch(/^rule\/\d+\/tenant\/ingress\/\d+$/);
    expect(Date.parse(errors[0]?.at ?? '')).toBeGreaterThanOrEqual(changedMs);
    expect((await standing.weir.host('hv1'))?.errors).toContainEqual(errors[0]);
    expect(standing.weir.events('openflow-error', 'hv1').at(-1)).toMatchObject({ level: 'error' });
    expect(
      await standing.weir.metric('weir_openflow_errors_total', errorLabels('hv1', 'FLOW_MOD_FAILED/OFPFMFC_TABLE_FULL')),
    ).toBeGreaterThan(counted);
    expect((await status('/v1/tenants/t8/policies/web')).errors).toEqual([]);
    const subnets = [{ cidr: '10.0.0.0/24' }, { cidr: '10.0.1.0/24' }];
    await standing.weir.must('PUT', '/v1/tenants/t1/networks/net?wait=realized&timeoutMs=60000', {
      kind: 'Network',
      metadata: { name: 'net', tenant: 't1' },
      spec: { subnets },
    });
    const ofNetwork = (await status('/v1/tenants/t1/networks/net')).errors;
    expect(ofNetwork).toMatchObject([{ host: 'hv1', element: expect.stringMatching(/^network\/\d+$/) as string }]);
    await expectOthersGoOn();
    stop();
    await until(async () => (await status('/v1/tenants/t1/policies/web')).errors.length === 0);
    await until(async () => (await status('/v1/tenants/t1/networks/net')).errors.length === 0);
    await expectRecovered('hv1');
  });

  test('a switch without meters: the rate limit is an error on the VM, everything else is there', inTurn, async () => {
    const stop = meddle('hv1', {
      toSwitch(message, reply) {
        if (message.type !== 'OFPT_METER_MOD') return undefined;
        reply(errorFor(message, 'OFPET_METER_MOD_FAILED', 'OFPMMFC_OUT_OF_METERS'));
        return [];
      },
    });
    const limit = { kind: 'QosPolicy', metadata: { name: 'slow', tenant: 't1' }, spec: { appliesTo: ['all'], egress: { maxMbps: 10 } } };
    await standing.weir.must('PUT', '/v1/tenants/t1/qos-policies/slow?wait=realized&timeoutMs=60000', limit);
    const vm = await standing.weir.vm('t1', 'vm');
    const portId = vm.status.interfaces[0]?.portId;
    expect(vm.status.errors).toContainEqual({
      host: 'hv1',
      element: `interface/${portId}`,
      error: 'OFPET_METER_MOD_FAILED/OFPMMFC_OUT_OF_METERS',
      at: expect.any(String) as string,
    });
    expect(await change('hv1')).toMatchObject({ status: 200 });
    stop();
    await until(async () => (await standing.weir.vm('t1', 'vm')).status.errors.length === 0);
    expect(await standing.lab.ofctl('hv1', ['-O', 'OpenFlow15', 'dump-meters', 'br-int'])).toContain('rate=10000');
    await standing.weir.must('DELETE', '/v1/tenants/t1/qos-policies/slow?wait=realized&timeoutMs=60000');
    expect(await standing.lab.ofctl('hv1', ['-O', 'OpenFlow15', 'dump-meters', 'br-int'])).not.toContain('rate=');
    await expectRecovered('hv1');
    for (const host of standing.lab.hosts.keys()) expect(standing.proxy.passed(standing.addressOf(host)).bundledMeterMods).toBe(0);
  });

  test('a COMMIT that fails: what it would have done is waited for, with the reason', inTurn, async () => {
    const cut = cuts('bundle-failed');
    const stop = meddle('hv1', {
      toSwitch(message, reply) {
        if (control(message) !== 'OFPBCT_COMMIT_REQUEST') return undefined;
        reply(errorFor(message, 'OFPET_BUNDLE_FAILED', 'OFPBFC_MSG_FAILED'));
        return [];
      },
    });
    const before = await standing.flows('hv1');
    await until(async () => {
      const answer = await change('hv1', 700);
      expect(answer).toMatchObject({ status: 504, body: { code: 'not-realized', waiting: [{ host: 'hv1' }] } });
      return answer.body.waiting[0]?.reason.includes('bundle-failed');
    });
    expect(await standing.flows('hv1')).toEqual(before);
    expect(await cut()).toBeGreaterThan(0);
    await expectOthersGoOn();
    stop();
    await expectRecovered('hv1');
  });

  test('MASTER is refused, or granted as something else: the switch is asked again and the reason is told', inTurn, async () => {
    let said = 0;
    const stop = meddle('hv1', {
      toSwitch(message, reply) {
        if (message.type !== 'OFPT_ROLE_REQUEST' || message.body.role !== 'OFPCR_ROLE_MASTER') return undefined;
        const { version, xid, body } = message;
        said++;
        if (said === 1) reply(errorFor(message, 'OFPET_ROLE_REQUEST_FAILED', 'OFPRRFC_STALE'));
        else reply({ version, type: 'OFPT_ROLE_REPLY', xid, body: { ...body, role: 'OFPCR_ROLE_SLAVE', generation_id: 1n << 62n } });
        return [];
      },
    });
    const cut = cuts('refused');
    standing.proxy.cut(standing.addressOf('hv1'));
    await until(async () => (await cut()) >= 2);
    expect(await change('hv1', 100)).toMatchObject({
      status: 504,
      body: { waiting: [{ reason: expect.stringMatching(/OpenFlow is not connected|being read/) as string }] },
    });
    await expectOthersGoOn();
    stop();
    await expectRecovered('hv1');
  });
});

const errorLabels = (host: string, error: string): string => `host="${host}",error="OFPET_${error}"`;

async function status(path: string): Promise<{ readonly errors: readonly SwitchErrorAnswer[] }> {
  return (await standing.weir.must<{ status: { errors: SwitchErrorAnswer[] } }>('GET', path)).status;
}

describe.concurrent('what is not so', () => {
  /** Changes each part of a flow listing. */
  const listing = (alter: (reply: FlowReply) => FlowReply): Meddler => ({
    toController: (message) => (isFlowReply(message) ? [alter(message)] : undefined),
  });

  test('a listing that leaves flows out, or names flows that are not there', inTurn, async () => {
    const stopLosing = meddle(
      'hv2',
      listing((reply) => withEntries(reply, reply.body.body.slice(10))),
    );
    const sent = await standing.resync('hv2');
    expect(sent).toBeGreaterThanOrEqual(10);
    stopLosing();
    const stopInventing = meddle(
      'hv2',
      listing((reply) =>
        withEntries(reply, [...reply.body.body, ...reply.body.body.slice(0, 5).map((entry) => ({ ...entry, priority: 7 }))]),
      ),
    );
    expect(await standing.resync('hv2')).toBe(5);
    await expectOthersGoOn();
    stopInventing();
    await expectRecovered('hv2');
  });

  test('ports with numbers that no port can have, ports without end, and removals of what never was', inTurn, async () => {
    const portStatus = (number: number, reason: 'OFPPR_ADD' | 'OFPPR_DELETE'): Message => ({
      version: 6,
      type: 'OFPT_PORT_STATUS',
      xid: 0,
      body: {
        reason,
        desc: { port_no: number, hw_addr: 1, name: 'lie', config: [], state: [], properties: [] },
      },
    });
    inject('hv2', ...[0, 0xffff_ff00, 0xffff_fffd, 0xffff_ffff].map((number) => portStatus(number, 'OFPPR_ADD')));
    inject(
      'hv2',
      ...Array.from({ length: 5_000 }, (_, index) => portStatus(0x1_0000 + index, index % 3 === 0 ? 'OFPPR_DELETE' : 'OFPPR_ADD')),
    );
    expect(await change('hv2')).toMatchObject({ status: 200 });
    await expectRecovered('hv2');
  });

  test('a flow monitor that tells of what never happened, and of flows of a table that is not there', inTurn, async () => {
    const drift = (await standing.weir.host('hv2'))?.driftRepaired ?? 0;
    const stop = meddle('hv2', { toController: (message) => (isFlowReply(message) ? [message, removalOf(message)] : undefined) });
    await standing.resync('hv2');
    stop();
    await until(async () => ((await standing.weir.host('hv2'))?.driftRepaired ?? 0) > drift);
    await expectRecovered('hv2');
  });

  test('errors for requests that were never made are told, not once for each', inTurn, async () => {
    const count = 3_000;
    const told = standing.weir.events('openflow-error', 'hv2').length;
    const labels = errorLabels('hv2', 'BAD_REQUEST/OFPBRC_EPERM');
    const stray: MessageOf<'OFPT_ERROR'> = {
      version: 6,
      type: 'OFPT_ERROR',
      xid: 0xdead_beef,
      body: { type: 'OFPET_BAD_REQUEST', code: 'OFPBRC_EPERM', data: nothing },
    };
    inject('hv2', ...Array.from({ length: count }, () => stray));
    await until(async () => (await standing.weir.metric('weir_openflow_errors_total', labels)) >= 1_000);
    await until(() => standing.weir.events('openflow-error', 'hv2').length >= told + 4);
    expect(standing.weir.events('openflow-error', 'hv2').length - told).toBe(4);
    await expectRecovered('hv2');
  });
});

type FlowReply = MessageOf<'OFPT_MULTIPART_REPLY'> & {
  readonly body: Extract<MessageOf<'OFPT_MULTIPART_REPLY'>['body'], { readonly type: 'OFPMP_FLOW' }>;
};

const isFlowReply = (message: Message): message is FlowReply =>
  message.type === 'OFPT_MULTIPART_REPLY' && message.body.type === 'OFPMP_FLOW';

const withEntries = (reply: FlowReply, entries: FlowReply['body']['body']): FlowReply => ({
  ...reply,
  body: { ...reply.body, body: entries },
});

/** What a monitor would say if the first flow of the listing were deleted. */
function removalOf(reply: FlowReply): Message {
  const entry = reply.body.body[0];
  if (!entry) throw new Error('there is no flow');
  const { table_id, priority, cookie, match, instructions } = entry;
  const update = { event: 'OFPFME_REMOVED', table_id, reason: 0, idle_timeout: 0, hard_timeout: 0, priority, cookie, match, instructions };
  return {
    version: reply.version,
    type: 'OFPT_MULTIPART_REPLY',
    xid: 0,
    body: { type: 'OFPMP_FLOW_MONITOR', flags: [], body: [update] },
  } as unknown as Message;
}

describe.concurrent('noise', () => {
  test('garbage and a frame of 4 bytes cost one connection each', inTurn, async () => {
    for (const bytes of [Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0), Uint8Array.of(6, 0, 0, 4, 0, 0, 0, 0)]) {
      const cut = cuts('malformed');
      // What is told of the cut stays until the switch is back.
      const stop = meddle('hv3', { toController: () => [] });
      inject('hv3', bytes);
      await until(async () => (await cut()) === 1);
      expect((await standing.weir.host('hv3'))?.warnings.join()).toContain('malformed');
      expect(standing.weir.events('peer-cut', 'hv3').at(-1)).toMatchObject({ code: 'malformed' });
      stop();
      standing.proxy.cut(standing.addressOf('hv3'));
      await expectOthersGoOn();
      await expectRecovered('hv3');
    }
  });

  test('a truncated body inside a whole frame names its offset', inTurn, async () => {
    const cut = cuts('malformed');
    inject('hv3', Uint8Array.of(6, 12, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0));
    await until(async () => (await cut()) === 1);
    expect(standing.weir.events('peer-cut', 'hv3').at(-1)?.['reason']).toMatch(/at byte \d+/);
    await expectRecovered('hv3');
  });

  test('packet-ins without end are dropped, and too many messages end the connection', inTurn, async () => {
    const packetIn = encode({
      version: 6,
      type: 'OFPT_PACKET_IN',
      xid: 0,
      body: {
        buffer_id: 0xffff_ffff,
        total_len: 0,
        reason: 'OFPR_ACTION',
        table_id: 0,
        cookie: 0n,
        match: [{ field: 'in_port', value: 1 }],
        data: nothing,
      },
    } as unknown as Message);
    inject('hv3', ...Array.from({ length: 10_000 }, () => packetIn));
    expect(await change('hv3')).toMatchObject({ status: 200 });
    const cut = cuts('flood');
    // More in a second than may come is a matter of this machine's pace, unless no time passes.
    await standing.clock.whileStopped(async () => {
      for (let part = 0; part < 6; part++) inject('hv3', ...Array.from({ length: 10_000 }, () => packetIn));
      await until(() => standing.weir.events('peer-cut', 'hv3').some((line) => line['code'] === 'flood'));
    });
    expect(await cut()).toBe(1);
    await expectOthersGoOn();
    await expectRecovered('hv3');
  });

  test('a hello with no common version, a message before hello, a second hello, an auxiliary connection', inTurn, async () => {
    const version = cuts('version');
    const hello10 = encode({ version: 1, type: 'OFPT_HELLO', xid: 1, body: { elements: [] } });
    await saidByStranger(hello10);
    expect(await version()).toBe(1);
    const protocol = cuts('protocol');
    await saidByStranger(encode({ version: 6, type: 'OFPT_BARRIER_REPLY', xid: 1, body: {} }));
    expect(await protocol()).toBe(1);
    const features = { datapath_id: 0xabcn, n_buffers: 0, n_tables: 254, auxiliary_id: 1, capabilities: [], reserved: 0 };
    const hello15 = encode({ version: 6, type: 'OFPT_HELLO', xid: 1, body: { elements: [] } });
    await saidByStranger(hello15, encode({ version: 6, type: 'OFPT_FEATURES_REPLY', xid: 2, body: features } as unknown as Message));
    expect(await protocol()).toBe(2);
    await expectOthersGoOn();
  });

  /** A connection from nowhere; returns when the other side has ended it. */
  function saidByStranger(...said: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: standing.weir.openflowPort });
      socket
        .on('error', () => undefined)
        .on('close', () => resolve())
        .resume();
      for (const bytes of said) socket.write(bytes);
    });
  }
});

describe.concurrent('silence', () => {
  test('a lost COMMIT, a lost barrier, a listing that stops half way and a trickle, all at once', inTurn, async () => {
    // Whether a trickle is silence first, or a listing or reading that was asked for meanwhile, is for the clock to say.
    const codes = {
      hv4: ['commit-timeout'],
      hv5: ['barrier-timeout'],
      hv6: ['listing-timeout'],
      hv7: ['inactive', 'listing-timeout'],
    } as const satisfies Readonly<Record<string, readonly string[]>>;
    const seen = new Set(standing.weir.events('peer-cut'));
    const stops = [
      meddle('hv4', { toSwitch: (message) => (control(message) === 'OFPBCT_COMMIT_REQUEST' ? [] : undefined) }),
      meddle('hv5', { toSwitch: (message) => (message.type === 'OFPT_BARRIER_REQUEST' ? [] : undefined) }),
      meddle('hv6', { toController: (message) => (isFlowReply(message) ? [halfOf(message)] : undefined) }),
    ];
    standing.proxy.cut(standing.addressOf('hv6'));
    const trickle = meddle('hv7', { bytesPerSecond: 0.2 });
    await Promise.all([change('hv4', 500), change('hv5', 500), expectOthersGoOn()]);
    const expectCut = async (host: string, expected: readonly string[]): Promise<void> => {
      const cut = await until(() => standing.weir.events('peer-cut', host).find((line) => !seen.has(line)));
      expect(expected).toContain(cut['code']);
      const count = await standing.weir.metric('weir_peer_cuts_total', `code="${String(cut['code'])}"`);
      expect(count).toBeGreaterThan(0);
      expect(await change(host, 500)).toMatchObject({
        status: 504,
        body: { waiting: [{ host, reason: expect.stringContaining(String(cut['code'])) as string }] },
      });
    };
    await Promise.all(Object.entries(codes).map(([host, expected]) => expectCut(host, expected)));
    for (const stop of [...stops, trickle]) stop();
    for (const host of Object.keys(codes)) standing.proxy.cut(standing.addressOf(host));
    await Promise.all(Object.keys(codes).map(expectRecovered));
  });

  /** The first half of a listing, with the promise of more. */
  const halfOf = (reply: FlowReply): FlowReply => {
    const { body } = withEntries(reply, reply.body.body.slice(0, reply.body.body.length / 2));
    return { ...reply, body: { ...body, flags: ['OFPMPF_MORE'] } };
  };
});
