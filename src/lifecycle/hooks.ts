import type { Store } from '../../cluster/index.ts';
import type { Document } from '../../policies/model/index.ts';
import { documentKey, type Stored, type Submitted, type Write } from '../admission/index.ts';
import type { Clock } from '../base/clock.ts';
import { WeirError } from '../base/errors.ts';
import { TimingRecorder, type TimingPart } from '../base/timings.ts';
import type { Realized } from '../controller/ports.ts';
import { interfacesOf, type GuestMtu } from './interfaces.ts';
import type { Admission, HookRequest, HookResult, PutRequest, StartRequest, VmHooks } from './ports.ts';
import { RemovedVms } from './removed.ts';
import { waitFor } from './wait.ts';

export interface HookPorts {
  readonly admission: Admission;
  /** The past: what a VM was before it was deleted. */
  readonly store: Pick<Store, 'get'>;
  readonly realized: Realized;
  readonly clock: Clock;
  readonly guestMtu: GuestMtu;
}

/** A verb, what its work counts as, and what its answer tells the times of. */
interface Verb {
  readonly parts: readonly TimingPart[];
  readonly transaction: TimingPart;
  readonly switches: TimingPart;
  /** What compiling for the overlay and for rate limits counts as. */
  readonly overlay: TimingPart;
  readonly qos: TimingPart;
}

const setUp: Verb = {
  parts: ['policyCheck', 'interfaceAllocation', 'overlayJoin', 'flowInstallation', 'qosSetup'],
  transaction: 'interfaceAllocation',
  switches: 'flowInstallation',
  overlay: 'overlayJoin',
  qos: 'qosSetup',
};
const removal: Verb = {
  parts: ['interfaceDetachment', 'flowCleanup', 'policyRemoval', 'bandwidthDeallocation'],
  transaction: 'interfaceDetachment',
  switches: 'flowCleanup',
  overlay: 'policyRemoval',
  qos: 'bandwidthDeallocation',
};

export function openVmHooks(ports: HookPorts): VmHooks {
  const removed = new RemovedVms(ports.clock);
  const vmOf = (request: HookRequest) => ({ kind: 'Vm', tenant: request.tenant, name: request.name }) as const;
  return {
    put: (request: PutRequest) => run(ports, request, setUp, { verb: 'put', ...vmOf(request), raw: request.raw, when: request.when }),
    start: (request: StartRequest) => run(ports, request, setUp, { verb: 'start', ...vmOf(request), host: request.host }),
    stop: (request: HookRequest) => run(ports, request, removal, { verb: 'stop', ...vmOf(request) }),
    async remove(request: HookRequest) {
      if (removed.revisionOf(request) !== undefined) await ports.admission.current();
      const gone = ports.admission.snapshot().get('Vm', request.tenant, request.name) ? undefined : removed.revisionOf(request);
      if (gone !== undefined && request.idempotencyKey === undefined) return removedBefore(ports, request, gone);
      const result = await run(ports, request, removal, { verb: 'delete', ...vmOf(request), when: request.when });
      removed.add(request, result.revision);
      return result;
    },
  };
}

async function run(ports: HookPorts, request: HookRequest, verb: Verb, write: Write): Promise<HookResult> {
  const timings = new TimingRecorder(ports.clock);
  const { tenant, idempotencyKey } = request;
  const submission = { writes: [write], timings, ...(idempotencyKey !== undefined && { idempotency: { tenant, key: idempotencyKey } }) };
  const accounted: readonly TimingPart[] = ['policyCheck', 'interfaceAllocation', 'interfaceDetachment', 'policyRemoval'];
  const submitted = await timings.measure(verb.transaction, () => ports.admission.submit(submission), accounted);
  const { qosMs } = await timings.measure(verb.overlay, () => ports.realized.spentOn(submitted.revision, request.wait.timeoutMs));
  timings.move(verb.overlay, verb.qos, qosMs);
  const vm = await concerned(ports, request, submitted);
  const interfaces = interfacesOf(ports.admission.snapshot(), vm.document, ports.guestMtu);
  const action = submitted.results[0]?.action ?? 'unchanged';
  // A repeat waits for what it repeats.
  const awaited = action === 'unchanged' ? vm.revision : submitted.revision;
  const waiting = await waitFor(ports.realized, request, awaited, timings, verb.switches);
  return { revision: submitted.revision, action, vm, interfaces, timings: timings.report(verb.parts), waiting };
}

/** The VM that a submission was about: as it is, or as it was before it was deleted. */
async function concerned(ports: HookPorts, request: HookRequest, submitted: Submitted): Promise<Stored<'Vm'>> {
  const result = submitted.results[0];
  const stored = result?.after ?? result?.before ?? ports.admission.snapshot().get('Vm', request.tenant, request.name);
  return (stored as Stored<'Vm'> | undefined) ?? past(ports, request, submitted.revision - 1);
}

/** A deletion that is repeated: nothing is left to do. */
async function removedBefore(ports: HookPorts, request: HookRequest, revision: number): Promise<HookResult> {
  const timings = new TimingRecorder(ports.clock);
  const vm = await past(ports, request, revision - 1);
  const interfaces = interfacesOf(ports.admission.snapshot(), vm.document, ports.guestMtu);
  return { revision, action: 'deleted', vm, interfaces, timings: timings.report(removal.parts), waiting: [] };
}

async function past(ports: HookPorts, { tenant, name }: HookRequest, revision: number): Promise<Stored<'Vm'>> {
  const entry = await ports.store.get(documentKey('Vm', tenant, name), revision);
  if (!entry) throw new WeirError('not-found', `there is no VM ${name} in tenant ${tenant}`);
  return { document: JSON.parse(entry.value) as Extract<Document, { kind: 'Vm' }>, revision: entry.modRevision };
}
