import type { Stored, Submitted, Write } from '../admission/index.ts';
import type { Clock } from '../base/clock.ts';
import { WeirError } from '../base/errors.ts';
import { TimingRecorder, type TimingPart } from '../base/timings.ts';
import type { Realized } from '../controller/ports.ts';
import { interfacesOf, type GuestMtu } from './interfaces.ts';
import type { Admission, HookRequest, HookResult, PutRequest, StartRequest, VmHooks } from './ports.ts';
import { waitingOf } from './wait.ts';

export interface HookPorts {
  readonly admission: Admission;
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
  const vmOf = (request: HookRequest) => ({ kind: 'Vm', tenant: request.tenant, name: request.name }) as const;
  return {
    put: (request: PutRequest) => run(ports, request, setUp, { verb: 'put', ...vmOf(request), raw: request.raw, when: request.when }),
    start: (request: StartRequest) => run(ports, request, setUp, { verb: 'start', ...vmOf(request), host: request.host }),
    stop: (request: HookRequest) => run(ports, request, removal, { verb: 'stop', ...vmOf(request) }),
    remove: (request: HookRequest) => run(ports, request, removal, { verb: 'delete', ...vmOf(request), when: request.when }),
  };
}

async function run(ports: HookPorts, request: HookRequest, verb: Verb, write: Write): Promise<HookResult> {
  const timings = new TimingRecorder(ports.clock);
  const { tenant, idempotencyKey } = request;
  const submission = { writes: [write], timings, ...(idempotencyKey !== undefined && { idempotency: { tenant, key: idempotencyKey } }) };
  const accounted: readonly TimingPart[] = ['policyCheck', 'interfaceAllocation', 'interfaceDetachment', 'policyRemoval'];
  const submitted = await timings.measure(verb.transaction, () => ports.admission.submit(submission), accounted);
  const vm = concerned(ports, request, submitted);
  const interfaces = interfacesOf(ports.admission.snapshot(), vm.document, ports.guestMtu);
  const action = submitted.results[0]?.action ?? 'unchanged';
  // A repeat waits for what it repeats.
  const awaited = action === 'unchanged' ? vm.revision : submitted.revision;
  const { kind, timeoutMs } = request.wait;
  const until = kind === 'none' ? 'compiled' : kind === 'active' ? 'active' : 'realized';
  const change = { tenant, vm: request.name, revision: submitted.revision, awaited, until, timeoutMs } as const;
  const part = kind === 'none' ? verb.overlay : verb.switches;
  const followed = await timings.measure(part, () => ports.realized.follow(change));
  timings.move(part, verb.overlay, followed.spent.overlayMs);
  timings.move(part, verb.qos, followed.spent.qosMs);
  const waiting = waitingOf(request.wait, awaited, followed);
  const { effect } = followed;
  return { revision: submitted.revision, action, vm, interfaces, timings: timings.report(verb.parts), waiting, effect };
}

/** The VM that a submission was about: as it is, or as it was before it was deleted. */
function concerned(ports: HookPorts, { tenant, name }: HookRequest, { results: [result] }: Submitted): Stored<'Vm'> {
  const stored = result?.after ?? result?.before ?? ports.admission.snapshot().get('Vm', tenant, name);
  if (!stored) throw new WeirError('not-found', `there is no VM ${name} in tenant ${tenant}`);
  return stored as Stored<'Vm'>;
}
