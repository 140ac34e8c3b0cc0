import { AdmissionError, openAdmission } from '../../src/admission/index.ts';
import type { Admission, Precondition, Submission, Submitted } from '../../src/admission/index.ts';
import type { Document, Kind } from '../../policies/model/index.ts';
import type { Random } from '../../src/base/random.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** Admission on a store in memory, with words for what tests do. */
export interface Harness {
  readonly store: MemoryStore;
  readonly admission: Admission;
  put(kind: Kind, owner: string | undefined, name: string, spec?: object, when?: Precondition): Promise<Submitted>;
  remove(kind: Kind, owner: string | undefined, name: string): Promise<Submitted>;
  apply(...raws: readonly object[]): Promise<Submitted>;
  start(tenant: string, name: string, host: string): Promise<Submitted>;
  stop(tenant: string, name: string): Promise<Submitted>;
  register(name: string, encapIp: string): Promise<Submitted>;
  spec<K extends Kind>(kind: K, owner: string | undefined, name: string): Extract<Document, { kind: K }>['spec'];
}

/** A clock by which hardly a thing is done before the slice is over. */
export function sluggish(): () => number {
  let nowMs = 0;
  return () => (nowMs += 3);
}

export async function openHarness(
  store = new MemoryStore(),
  random: Random = seededRandom(1),
  nowMs = (): number => performance.now(),
): Promise<Harness> {
  const clock = { wallMs: () => store.wallMs, nowMs };
  const admission = await openAdmission({ store, clock, random });
  const submit = (...writes: Submission['writes']): Promise<Submitted> => admission.submit({ writes });
  return {
    store,
    admission,
    put: (kind, tenant, name, spec = {}, when) => submit({ verb: 'put', kind, tenant, name, raw: { spec }, when }),
    remove: (kind, tenant, name) => submit({ verb: 'delete', kind, tenant, name }),
    apply: (...raws) => submit(...raws.map((raw) => ({ verb: 'apply', raw }) as const)),
    start: (tenant, name, host) => submit({ verb: 'start', kind: 'Vm', tenant, name, host }),
    stop: (tenant, name) => submit({ verb: 'stop', kind: 'Vm', tenant, name }),
    register: (name, encapIp) => submit({ verb: 'register', kind: 'Host', name, encapIp }),
    spec: (kind, tenant, name) => {
      const stored = admission.snapshot().get(kind, tenant, name);
      if (stored === undefined) throw new Error(`there is no ${kind} ${name}`);
      return stored.document.spec as never;
    },
  };
}

export const document = (kind: Kind, tenant: string | undefined, name: string, spec: object = {}): object => ({
  kind,
  metadata: { name, ...(tenant === undefined ? {} : { tenant }) },
  spec,
});

/** One tenant, one network of two families, two hosts. */
export async function openFurnished(): Promise<Harness> {
  const harness = await openHarness();
  await harness.put('Tenant', undefined, 'acme');
  await harness.put('Network', 'acme', 'blue', { subnets: [{ cidr: '10.0.0.0/24' }, { cidr: 'fd00::/64' }] });
  await harness.register('h1', '192.0.2.1');
  await harness.register('h2', '192.0.2.2');
  return harness;
}

export const oneInterface = (network = 'blue', more: object = {}): object => ({ interfaces: [{ name: 'eth0', network, ...more }] });

/** The refusal, having made sure that it changed nothing. */
export async function refused(harness: Harness, work: () => Promise<unknown>): Promise<AdmissionError> {
  const before = harness.store.revision;
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AdmissionError)) throw new Error('it was not refused', { cause: error });
  if (harness.store.revision !== before) throw new Error('a refused request changed something');
  return error;
}
