import { Refusal } from '../api.ts';
import { delay } from '../act.ts';
import type { Member } from './member.ts';

/** A write that a member has acknowledged. Times are of `performance.now`. */
export interface Acknowledged {
  readonly name: string;
  readonly revision: number;
  readonly at: string;
  readonly askedMs: number;
  readonly answeredMs: number;
}

interface Listed {
  readonly items: readonly { readonly metadata: { readonly name: string; readonly revision: number } }[];
  readonly continue?: string;
}

const tenant = 'ledger';
const path = `/v1/tenants/${tenant}`;
const pauseMs = 80;
/** A member that refuses is asked again soon: that is how it is known from when on it accepts. */
const retryMs = 20;

/**
 * Tenants that go on writing at every member, whatever happens to it, and keep what was acknowledged. What was answered by an error, or not at all,
 * may have been written or not.
 */
export class Ledger {
  readonly acknowledged: Acknowledged[] = [];
  readonly #counts = new Map<string, number>();
  #isStopped = false;
  #running = Promise.resolve();
  #failure: unknown;

  /** @param members those that there are now; asked again after each write */
  async begin(members: () => readonly Member[]): Promise<void> {
    const [first] = members();
    await first?.api.write(path, { kind: 'Tenant', metadata: { name: tenant }, spec: {} });
    const writers = new Set<string>();
    const follow = async (): Promise<void> => {
      const running: Promise<void>[] = [];
      while (!this.#isStopped) {
        for (const { id } of members()) {
          if (writers.has(id)) continue;
          writers.add(id);
          running.push(this.#writeAt(() => members().find((each) => each.id === id)));
        }
        await delay(pauseMs);
      }
      await Promise.all(running);
    };
    this.#running = follow().catch((error: unknown) => void (this.#failure = error));
  }

  /** What was asked for after a moment, and accepted; the first of it. Undefined when there is none in time. */
  async acceptedAfter(moment: number, timeoutMs: number): Promise<Acknowledged | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.acknowledged
        .filter(({ askedMs }) => askedMs > moment)
        .toSorted((a, b) => a.answeredMs - b.answeredMs)
        .at(0);
      if (found || performance.now() > deadline) return found;
      await delay(5);
    }
  }

  /** What is there of what had been acknowledged before this was asked, read at one member. */
  async auditAt(member: Member): Promise<Audit> {
    if (this.#failure !== undefined) throw this.#failure;
    const before = [...this.acknowledged];
    const listed = new Map<string, number>();
    let page = '';
    do {
      const { items, continue: token } = await member.api.get<Listed>(`${path}/services?limit=1000${page}`);
      for (const { metadata } of items) listed.set(metadata.name, metadata.revision);
      page = token === undefined ? '' : `&continue=${encodeURIComponent(token)}`;
    } while (page !== '');
    return audit(before, listed);
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** What was under way has been answered, or the members are gone. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #writeAt(find: () => Member | undefined): Promise<void> {
    for (let member = find(); member !== undefined && !this.#isStopped; member = find()) {
      const count = (this.#counts.get(member.id) ?? 0) + 1;
      this.#counts.set(member.id, count);
      await delay((await this.#write(member, `${member.id}-${count}`, count)) ? pauseMs : retryMs);
    }
  }

  /** @returns whether it was acknowledged */
  async #write({ id, api }: Member, name: string, count: number): Promise<boolean> {
    const askedMs = performance.now();
    try {
      const spec = { ports: [{ protocol: 'tcp', port: 1 + (count % 60_000) }] };
      const { metadata } = await api.write(`${path}/services/${name}`, { kind: 'Service', metadata: { name, tenant }, spec });
      this.acknowledged.push({ name, revision: metadata.revision, at: id, askedMs, answeredMs: performance.now() });
      return true;
    } catch (error) {
      if (!(error instanceof Refusal) && !isUnreachable(error)) throw error;
      return false;
    }
  }
}

const isUnreachable = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'unreachable';

export interface Audit {
  readonly acknowledged: number;
  /** Acknowledged, and not there. */
  readonly missing: readonly string[];
  /** There, but not as the write that was acknowledged left it. */
  readonly altered: readonly string[];
  /** Two writes with one revision, or a later one of a writer that does not stand behind its earlier one. */
  readonly disordered: readonly string[];
}

export function audit(acknowledged: readonly Acknowledged[], listed: ReadonlyMap<string, number>): Audit {
  const revisions = new Set<number>();
  const last = new Map<string, number>();
  const disordered: string[] = [];
  for (const { name, revision, at } of acknowledged) {
    if (revisions.has(revision) || revision <= (last.get(at) ?? 0)) disordered.push(name);
    revisions.add(revision);
    last.set(at, revision);
  }
  const missing = acknowledged.filter(({ name }) => !listed.has(name)).map(({ name }) => name);
  const altered = acknowledged.filter(({ name, revision }) => listed.has(name) && listed.get(name) !== revision).map(({ name }) => name);
  return { acknowledged: acknowledged.length, missing, altered, disordered };
}
