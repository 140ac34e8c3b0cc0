import { flowKey } from '../../flows/model/index.ts';
import type { Flow } from '../../flows/model/index.ts';
import {
  baseOwner,
  portOwner,
  renderBase,
  renderElement,
  renderPort,
  renderTunnelPort,
  tunnelPortOwner,
} from '../../flows/render/index.ts';
import { elementKey } from '../../policies/compiled.ts';
import type { InterfaceElement } from '../../policies/compiled.ts';
import type { Snapshot } from '../../src/admission/index.ts';
import { WeirError } from '../../src/base/errors.ts';
import type { HostStatus, Intended, InterfaceStatus, Seen } from '../../src/controller/ports.ts';
import { openExplain } from '../../src/inquiry/explain/explain.ts';
import type { FlowCounters } from '../../src/inquiry/explain/explain.ts';
import type { Explain, Explanation, ExplainQuestion } from '../../src/inquiry/ports.ts';
import { portIdOf } from '../../policies/model/port-id.ts';
import { tunnelPort } from './render-host.ts';
import { SmallCloud } from './small-cloud.ts';

export const sceneRevision = 7;

/**
 * The small cloud as the controller would have it: every VM placed, every port plugged, every switch connected, until a test says
 * otherwise. What hosts should have is compiled and rendered anew at each question.
 */
export class ExplainScene {
  readonly cloud = new SmallCloud();
  readonly statuses = new Map<string, Partial<HostStatus>>();
  readonly phases = new Map<string, Pick<InterfaceStatus, 'phase' | 'reason'>>();
  /** Flows that hosts have lost, by a word of their owner. */
  damage: ((host: string, owner: string, flow: Flow) => boolean) | undefined;
  readonly past = new Map<number, SmallCloud>();
  readonly explain: Explain;
  #version = 0;

  constructor(counters?: FlowCounters) {
    this.explain = openExplain({
      snapshot: () => snapshotOf(this.cloud, sceneRevision),
      history: {
        at: async (revision) => {
          const cloud = this.past.get(revision);
          if (!cloud) throw new WeirError('compacted', `revision ${revision} is no longer kept`);
          return snapshotOf(cloud, revision);
        },
        revisionAt: async (wallMs) => Math.floor(wallMs / 1000),
      },
      read: this.#seen(),
      intentions: { of: (host) => this.#intended(host) },
      counters,
      guestMtu: () => 1450,
    });
  }

  ask(from: string, to: string, more: Partial<ExplainQuestion> = {}): Promise<Explanation> {
    return this.explain.explain({ tenant: 'red', sees: undefined, at: undefined, from, to, protocol: 'tcp', port: 80, ...more });
  }

  #seen(): Seen {
    const hostStatus = (name: string): HostStatus => ({
      name,
      connected: true,
      ovsdb: true,
      realizedRevision: sceneRevision,
      flows: 1,
      driftRepaired: 0,
      errors: [],
      warnings: [],
      ...this.statuses.get(name),
    });
    return {
      hostStatus,
      hosts: () => ['h1', 'h2', 'h3'].map(hostStatus),
      interfaceStatus: (tenant, vm) => {
        const document = this.cloud.documents.get('Vm', tenant, vm)?.document;
        return (document?.spec.interfaces ?? []).map((item) => ({
          name: item.name,
          portId: document ? portIdOf(document, item.name) : '',
          ...(this.phases.get(`${tenant}/${vm}`) ?? { phase: 'active' }),
        }));
      },
      errorsOf: () => [],
    };
  }

  #intended(host: string): Intended {
    const elements = this.cloud.elements(host);
    const interfaces = new Map<string, InterfaceElement>();
    const ports = new Map<string, number>();
    const flows = new Map<string, Flow>();
    const owners = new Map<string, string>();
    const own = (owner: string, made: readonly Flow[]): void => {
      for (const flow of made) {
        if (this.damage?.(host, owner, flow) === true) continue;
        flows.set(flowKey(flow), flow);
        owners.set(flowKey(flow), owner);
      }
    };
    own(baseOwner, renderBase());
    own(tunnelPortOwner, renderTunnelPort(tunnelPort));
    for (const element of elements) {
      own(elementKey(element), renderElement(elementKey(element), element));
      if (element.kind !== 'interface') continue;
      interfaces.set(element.portId, element);
      ports.set(element.portId, ports.size + 1);
      own(portOwner(element.portId), renderPort(element, ports.size));
    }
    return {
      version: this.#version,
      flowCount: flows.size,
      flowKeys: () => flows.keys(),
      flow: (key) => flows.get(key),
      ownerOf: (key) => owners.get(key),
      interfaceOf: (portId) => interfaces.get(portId),
      ofportOf: (portId) => ports.get(portId),
      tunnelOfport: tunnelPort,
      waitingReason: 'the installed flows are being read',
    };
  }

  /** The flows are others than before. */
  changed(): void {
    this.#version++;
  }
}

function snapshotOf(cloud: SmallCloud, revision: number): Snapshot {
  const { documents } = cloud;
  return {
    revision,
    get: (kind, tenant, name) => {
      const found = documents.get(kind, tenant, name);
      return found && { ...found, revision };
    },
    *list(kind, tenant) {
      const all = tenant === null ? documents.list(kind) : documents.list(kind, tenant);
      for (const { document } of all) if (tenant !== null || document.metadata.tenant === undefined) yield { document, revision };
    },
    tenantNumbers: (tenant) => documents.tenantNumbers(tenant),
    routerNumbers: (tenant, name) => documents.routerNumbers(tenant, name),
    policyNumbers: (tenant, name) => documents.policyNumbers(tenant, name),
    vmNumbers: (tenant, name) => documents.vmNumbers(tenant, name),
  };
}
