import { flowChangesOf, flowOf, groupsOf, hasMore, metersOf } from '../openflow/index.ts';
import type { BodyOf, FlowChange, Message, MessageOf } from '../openflow/index.ts';
import type { Group, Meter } from '../model/index.ts';
import type { DriftCounts, Reconciler } from '../reconcile/index.ts';
import type { Report } from './events.ts';
import type { SessionLimits } from './limits.ts';
import { Listings } from './listings.ts';
import { portChangeFrom, portFrom } from './port.ts';
import type { SwitchPort } from './port.ts';
import { Closure } from './reasons.ts';
import { switchConfig } from './requests.ts';
import type { ListingKind, Requests, SwitchError } from './requests.ts';

/**
 * Keeps the reconciler's picture of the switch true. A flow monitor tells of every change that is not our own; groups, meters and
 * configuration are polled, and all flows are listed again now and then and after the monitor was paused. Each reply describes the
 * switch at one moment and comes in the order in which the switch acted, so that it can be taken at its word while changes go on.
 */
export class Mirror {
  readonly counts = { monitorPauses: 0, audits: 0, configDrift: 0 };
  readonly ports = new Map<number, SwitchPort>();
  readonly #reconciler: Reconciler;
  readonly #requests: Requests;
  readonly #limits: SessionLimits;
  readonly #report: Report;
  readonly #listings: Listings;
  #monitorXid = 0;
  #hasMonitor = true;
  /** The request for the configuration that has no reply, and since when. */
  #config: { readonly xid: number; readonly sinceMs: number } | undefined;
  #polledMs = 0;
  #auditedMs = 0;
  #groups: Group[] = [];
  #meters: Meter[] = [];

  constructor(reconciler: Reconciler, requests: Requests, limits: SessionLimits, report: Report) {
    this.#reconciler = reconciler;
    this.#requests = requests;
    this.#limits = limits;
    this.#report = report;
    this.#listings = new Listings(requests, limits);
  }

  /** Configures the switch, which we are master of, and lists everything. */
  begin(nowMs: number): void {
    this.#requests.asyncConfig();
    this.#requests.packetInFormat();
    this.#requests.setConfig();
    this.#askConfig(nowMs);
    this.#monitorXid = this.#requests.monitorFlows();
    for (const kind of ['ports', 'meters', 'groups'] as const) this.#listings.begin(kind, nowMs);
    this.#audit(nowMs);
    this.#polledMs = nowMs;
  }

  tick(nowMs: number): void {
    this.#listings.tick(nowMs);
    if (this.#config && nowMs >= this.#config.sinceMs + this.#limits.replyTimeoutMs)
      throw new Closure('reply-timeout', `the switch does not tell its configuration within ${this.#limits.replyTimeoutMs} ms`);
    if (!this.#reconciler.known) return;
    if (nowMs >= this.#polledMs + this.#limits.pollIntervalMs) this.#poll(nowMs);
    const auditIntervalMs = this.#hasMonitor ? this.#limits.auditIntervalMs : this.#limits.auditWithoutMonitorIntervalMs;
    if (nowMs >= this.#auditedMs + auditIntervalMs) this.#audit(nowMs);
  }

  /** @returns whether the message was for this part */
  receive(message: Message, nowMs: number): boolean {
    const changes = flowChangesOf(message);
    if (changes) {
      if (message.type === 'OFPT_MULTIPART_REPLY' && message.xid !== this.#monitorXid && message.xid !== 0)
        throw new Closure('protocol', 'an update of a flow monitor that was not asked for');
      this.#observe(changes, nowMs);
      return true;
    }
    if (message.type === 'OFPT_MULTIPART_REPLY') {
      this.#part(message, nowMs);
      return true;
    }
    if (message.type === 'OFPT_GET_CONFIG_REPLY') {
      this.#compareConfig(message);
      return true;
    }
    if (message.type === 'OFPT_PORT_STATUS') {
      const port = portFrom(message.body.desc);
      const change = portChangeFrom(message.body.reason);
      if (change === 'deleted') this.ports.delete(port.number);
      else if (this.ports.size < this.#limits.portsMax) this.ports.set(port.number, port);
      this.#report({ kind: 'port', change, port });
      return true;
    }
    return false;
  }

  /** @returns whether the error answers a request of this part */
  error(error: SwitchError): boolean {
    if (error.xid === this.#monitorXid) {
      this.#hasMonitor = false;
      this.#requests.monitorRefused();
      return true;
    }
    const kind = this.#listings.refused(error.xid);
    if (kind === 'groups' || kind === 'meters') {
      // A switch without them has none installed.
      this.#listed(kind);
      return true;
    }
    if (kind) throw new Closure('refused', `the switch does not list its ${kind}: ${error.name}`);
    return false;
  }

  #askConfig(nowMs: number): void {
    this.#config = { xid: this.#requests.getConfig(), sinceMs: nowMs };
  }

  #poll(nowMs: number): void {
    this.#polledMs = nowMs;
    for (const kind of ['meters', 'groups'] as const) if (!this.#listings.isUnderWay(kind)) this.#listings.begin(kind, nowMs);
    if (!this.#config) this.#askConfig(nowMs);
  }

  #audit(nowMs: number): void {
    this.#auditedMs = nowMs;
    if (this.#listings.isUnderWay('flows')) return;
    this.counts.audits++;
    this.#reconciler.beginFlows();
    this.#listings.begin('flows', nowMs);
  }

  #compareConfig({ xid, body }: MessageOf<'OFPT_GET_CONFIG_REPLY'>): void {
    if (this.#config?.xid !== xid) throw new Closure('protocol', 'a configuration that was not asked for');
    this.#config = undefined;
    if (body.flags === switchConfig.flags && body.miss_send_len === switchConfig.miss_send_len) return;
    this.counts.configDrift++;
    this.#requests.setConfig();
    this.#report({ kind: 'drift', what: 'config', counts: { added: 0, removed: 0, changed: 1 } });
  }

  #observe(changes: readonly FlowChange[], nowMs: number): void {
    const before = { ...this.#reconciler.drift.flows };
    for (const change of changes) {
      if (change.kind === 'paused') this.counts.monitorPauses++;
      else if (change.kind === 'resumed') this.#audit(nowMs);
      else if (change.kind === 'removed') this.#reconciler.flowGone(change.flow);
      else if (change.kind !== 'own') this.#reconciler.flowSeen(change.flow);
    }
    this.#reportDrift('flows', before);
  }

  #part(message: MessageOf<'OFPT_MULTIPART_REPLY'>, nowMs: number): void {
    const { xid, body } = message;
    const kind = this.#listings.kindOf(xid);
    const entries = kind && partEntries(kind, body);
    if (!kind || !entries) throw new Closure('protocol', `a part of ${body.type} that was not asked for`);
    const last = this.#listings.part(xid, entries.length, hasMore(body), nowMs);
    if (body.type === 'OFPMP_FLOW') {
      const before = { ...this.#reconciler.drift.flows };
      for (const entry of body.body) this.#reconciler.listFlow(flowOf(entry));
      if (last) this.#reconciler.endFlows();
      this.#reportDrift('flows', before);
      return;
    }
    if (kind === 'groups') this.#groups.push(...(groupsOf(message) ?? []));
    else if (kind === 'meters') this.#meters.push(...(metersOf(message) ?? []));
    else if (body.type === 'OFPMP_PORT_DESC') for (const entry of body.body) this.ports.set(entry.port_no, portFrom(entry));
    if (last && kind !== 'flows') this.#listed(kind);
  }

  #listed(kind: Exclude<ListingKind, 'flows'>): void {
    if (kind === 'ports') return this.#report({ kind: 'ports', ports: this.ports });
    const before = { ...this.#reconciler.drift[kind] };
    if (kind === 'groups') this.#reconciler.listGroups(this.#groups.splice(0));
    else this.#reconciler.listMeters(this.#meters.splice(0));
    this.#reportDrift(kind, before);
  }

  #reportDrift(what: 'flows' | 'groups' | 'meters', before: DriftCounts): void {
    const now = this.#reconciler.drift[what];
    const counts = { added: now.added - before.added, removed: now.removed - before.removed, changed: now.changed - before.changed };
    if (counts.added + counts.removed + counts.changed > 0) this.#report({ kind: 'drift', what, counts });
  }
}

const partTypes = { flows: 'OFPMP_FLOW', groups: 'OFPMP_GROUP_DESC', meters: 'OFPMP_METER_CONFIG', ports: 'OFPMP_PORT_DESC' } as const;

/** The entries of one part of what was asked for; undefined when the switch sends something else. */
function partEntries(kind: ListingKind, body: BodyOf<'OFPT_MULTIPART_REPLY'>): readonly unknown[] | undefined {
  return body.type === partTypes[kind] && Array.isArray(body.body) ? body.body : undefined;
}
