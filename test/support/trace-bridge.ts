import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Element } from '../../policies/compiled.ts';
import type { Flow } from '../../flows/model/index.ts';
import type { Version } from '../../flows/openflow/index.ts';
import { renderMeters } from '../../flows/render/index.ts';
import { ControlConnection } from '../../src/lab/unixctl.ts';
import { RealSwitch, bridge } from '../integration/session-switch.ts';
import { Management } from './management.ts';
import { bigintText, tunnelPort } from './render-host.ts';

const execute = promisify(execFile);
const run = { traceTimeoutMs: 10_000, ports: 40 } as const;

/** Where a traced packet ended. Several entries: it was replicated. */
export interface Traced {
  /** Numbers of the guest ports that it was sent to, ascending. */
  readonly ports: readonly number[];
  /** VXLAN packets by `ADDRESS VNI`, ascending. */
  readonly tunnels: readonly string[];
  /** The tables that were visited, in order, each with the priority of the flow that matched; `-` when none did. */
  readonly tables: readonly string[];
  /** Everything that the datapath would do, one line for each pass. */
  readonly actions: string;
  /** What `ofproto/trace` printed. */
  readonly text: string;
}

/**
 * A real switch that is asked about packets instead of being sent any: `ofproto/trace`. It has more guest ports than a test
 * needs, a VXLAN port, and a route to 172.16.0.0/16, where tunnel endpoints are.
 */
export class TraceBridge {
  readonly #switch: RealSwitch;
  readonly #control: ControlConnection;

  private constructor(real: RealSwitch, control: ControlConnection) {
    this.#switch = real;
    this.#control = control;
  }

  static async start(): Promise<TraceBridge> {
    const real = await RealSwitch.start('OpenFlow13,OpenFlow14,OpenFlow15');
    try {
      const lines = [
        `add-port ${bridge} vx0 -- set interface vx0 type=vxlan ofport_request=${tunnelPort} options:remote_ip=flow options:key=flow`,
        'add-br br-phy -- set bridge br-phy datapath_type=netdev -- add-port br-phy uplink -- set interface uplink type=internal',
        ...Array.from({ length: run.ports }, (_, index) => `p${index + 1}`).map(
          (port) => `add-port ${bridge} ${port} -- set interface ${port} type=internal ofport_request=${port.slice(1)}`,
        ),
      ];
      await real.vsctl(...lines.join(' -- ').split(' '));
      await execute('ip', ['-n', real.namespace, 'address', 'add', '172.16.255.254/16', 'dev', 'br-phy']);
      await execute('ip', ['-n', real.namespace, 'link', 'set', 'br-phy', 'up']);
      const control = await ControlConnection.open(join(real.dir, 'vs.ctl'));
      return new TraceBridge(real, control);
    } catch (error) {
      await real.stop();
      throw error;
    }
  }

  /** Makes a tunnel address known: native tunnels drop what goes to a neighbour whose MAC they do not know. */
  async meet(encap: string): Promise<void> {
    await this.#control.call('tnl/neigh/set', ['br-phy', encap, '02:ff:00:00:00:01'], run.traceTimeoutMs);
  }

  async stop(): Promise<void> {
    this.#control.close();
    await this.#switch.stop();
  }

  manage(version: Version): Promise<Management> {
    return Management.open(join(this.#switch.dir, `${bridge}.mgmt`), version);
  }

  /** Takes the place of whatever was installed. Throws when the switch refuses a flow. */
  async install(flows: readonly Flow[], elements: readonly Element[]): Promise<void> {
    const management = await this.manage(4);
    try {
      await management.clear();
      await management.addMeters(elements.flatMap(renderMeters));
      const [refused] = await management.send('OFPFC_ADD', flows);
      if (refused) throw new Error(`the switch refuses a flow: ${refused.reason} ${JSON.stringify(refused.flow, bigintText)}`);
    } finally {
      management.close();
    }
  }

  /** Installs a whole host, and lets it send to the hosts that it knows. */
  async host(host: {
    readonly flows: readonly Flow[];
    readonly elements: readonly Element[];
    readonly encaps: readonly string[];
  }): Promise<void> {
    await this.install(host.flows, host.elements);
    for (const encap of host.encaps) await this.meet(encap);
  }

  /** `ctNext`: what connection tracking is to say, pass after pass; `trk,new` behind the last. */
  async trace(flow: string, ctNext: readonly string[] = []): Promise<Traced> {
    const next = ctNext.flatMap((state) => ['--ct-next', state]);
    const text = await this.#control.call('ofproto/trace', [bridge, flow, '--names', ...next], run.traceTimeoutMs);
    return { ...readActions(text), text };
  }
}

function readActions(text: string): Omit<Traced, 'text'> {
  const actions = [...text.matchAll(/^Datapath actions: (.*)$/gm)].map(([, line = '']) => line).join('\n');
  const ports = new Set([...actions.matchAll(/(?<=^|[,(])p(\d+)(?=$|[,)])/gm)].map(([, number]) => Number(number)));
  const tunnels = [...actions.matchAll(/tnl_push\(.*?ipv4\(src=[\d.]+,dst=([\d.]+).*?vni=(0x[0-9a-f]+)/g)];
  const tables = [...text.matchAll(/^\s*(\d+)\. (?:No match|(?:.*, )?priority (\d+))/gm)];
  return {
    actions,
    // The uplink's bridge, through which a tunnel's packets leave, has one flow, which none of ours looks like.
    tables: tables.map(([, table, priority]) => `${table} ${priority ?? '-'}`).filter((step) => step !== '0 0'),
    ports: [...ports].toSorted((a, b) => a - b),
    tunnels: tunnels.map(([, address, vni]) => `${address} ${Number(vni)}`).toSorted(),
  };
}
