import type { Wanted } from '../../policies/model/index.ts';
import { readEncapIp, Findings } from '../../policies/model/index.ts';
import { isName } from '../../policies/model/parse.ts';
import { randomUuid } from '../base/random.ts';
import { groupBits } from '../../policies/index.ts';
import { flowsMax, flowsPerTenantMax } from './budget.ts';
import type { Draft } from './draft.ts';
import { AdmissionError, refusal } from './error.ts';
import type { Tally } from './indexes/tallies.ts';
import { documentKey, keyOf } from './keys.ts';
import { registeredSpec } from './kinds/host.ts';
import { checkSchedulable, reserveAddresses } from './kinds/vm.ts';
import type { ResourceId } from './ports.ts';
import { checkPrecondition, idOfWanted, kindOrder, parseWrite, place, release, remove, store } from './put.ts';
import type { Action, Submission, Write, WriteOf, WriteResult } from './request.ts';
import { settleBits } from './numbers/bits.ts';
import { storedOf } from './records.ts';
import { nameOf } from './usage.ts';

/** A write whose document is parsed and whose target is known. */
interface Step {
  readonly write: Write;
  readonly id: ResourceId;
  readonly wanted: Wanted | undefined;
  readonly pointer: string;
}

/** Validates a whole submission and writes it into the draft, or throws and leaves the draft to be rolled back. To be run to its end, in slices. */
export function* execute(draft: Draft, submission: Submission): Generator<undefined, readonly WriteResult[]> {
  // An interface of whomever can be in a set that their rules do not know yet.
  for (const tenant of draft.working.sets.tenants()) draft.weigh(tenant);
  const isOne = submission.writes.length === 1;
  const flowsBefore = new Map<string, number>();
  const steps: Step[] = [];
  for (const [index, write] of submission.writes.entries()) {
    steps.push(stepOf(write, isOne ? '' : `/${index}`));
    yield;
  }
  checkDistinct(steps);
  for (const { id } of steps) if (id.kind === 'Policy') flowsBefore.set(keyOf(id), draft.working.tallies.flowsOf(keyOf(id)));
  for (const step of steps) if (isOne && step.write.verb === 'put') requireTenant(draft, step.id);
  for (const step of steps)
    draft.at(step.pointer, () => checkPrecondition(draft, step.id, 'when' in step.write ? step.write.when : undefined));
  for (const { write, id, pointer } of steps) {
    if (write.verb !== 'delete') continue;
    draft.at(pointer, () => remove(draft, id));
    yield;
  }
  for (const { wanted, pointer } of steps) {
    if (wanted === undefined) continue;
    draft.at(pointer, () => release(draft, wanted));
    if (wanted.kind === 'Vm') reserveAddresses(draft, wanted);
    yield;
  }
  for (const step of steps.filter(({ write }) => write.verb !== 'delete').toSorted(byKind)) {
    draft.at(step.pointer, () => carryOut(draft, step));
    yield;
  }
  yield* draft.checking();
  settleBits(draft);
  checkQuotas(draft, new Set(steps.map(({ id }) => id.tenant)));
  return steps.map(({ id }) => resultOf(draft, id, flowsBefore.get(keyOf(id))));
}

function stepOf(write: Write, fallback: string): Step {
  const pointer = 'pointer' in write ? (write.pointer ?? fallback) : fallback;
  if (write.verb === 'put') return { write, id: idOf(write), wanted: parseWrite(write, pointer), pointer };
  if (write.verb === 'apply') {
    const wanted = parseWrite(write, pointer);
    checkConfined(write, wanted, pointer);
    return { write, id: idOfWanted(wanted), wanted, pointer };
  }
  return {
    write,
    id: write.verb === 'register' ? { kind: 'Host', tenant: undefined, name: write.name } : idOf(write),
    wanted: undefined,
    pointer,
  };
}

const idOf = (id: ResourceId): ResourceId => ({ kind: id.kind, tenant: id.tenant, name: id.name });

function checkConfined(write: WriteOf<'apply'>, wanted: Wanted, pointer: string): void {
  if (write.confinedTo === undefined || wanted.tenant === write.confinedTo) return;
  if (wanted.tenant === undefined) throw refusal('forbidden', pointer, `is a ${wanted.kind} of the platform`);
  throw refusal('not-found', `${pointer}/metadata/tenant`, `there is no tenant ${wanted.tenant}`);
}

function checkDistinct(steps: readonly Step[]): void {
  const seen = new Set<string>();
  for (const { id, pointer } of steps) {
    const key = keyOf(id);
    if (seen.has(key)) throw refusal('malformed', pointer, `is the second write of ${nameOf(id)} in one request`);
    seen.add(key);
  }
}

/** A put goes to a path below the tenant, which is not there without it. */
function requireTenant(draft: Draft, id: ResourceId): void {
  if (id.tenant === undefined || draft.value(documentKey('Tenant', undefined, id.tenant)) !== undefined) return;
  throw new AdmissionError('not-found', `there is no tenant ${id.tenant}`);
}

/** What is named before what names it; networks that ask for a VNI before those that get one. */
function byKind(a: Step, b: Step): number {
  const asks = (step: Step): number => (step.wanted?.kind === 'Network' && typeof step.wanted.spec.vni === 'number' ? 0 : 1);
  return kindOrder.indexOf(a.id.kind) - kindOrder.indexOf(b.id.kind) || asks(a) - asks(b);
}

function carryOut(draft: Draft, { write, wanted }: Step): void {
  if (wanted !== undefined) {
    if (wanted.tenant !== undefined && draft.value(documentKey('Tenant', undefined, wanted.tenant)) === undefined) {
      throw refusal('reference-missing', '/metadata/tenant', `there is no tenant ${wanted.tenant}`);
    }
    place(draft, wanted);
  } else if (write.verb === 'start') start(draft, write);
  else if (write.verb === 'stop') stop(draft, write);
  else if (write.verb === 'register') register(draft, write);
}

/** Doing it again changes nothing. A VM that runs elsewhere has to be stopped or migrated. */
function start(draft: Draft, write: WriteOf<'start'>): void {
  const key = documentKey('Vm', write.tenant, write.name);
  const before = draft.value(key);
  if (before === undefined) throw new AdmissionError('not-found', `there is no ${nameOf(write)}`);
  if (before.spec.power === 'running') {
    if (before.spec.host === write.host) return;
    throw refusal(
      'conflict',
      '/host',
      `VM ${write.name} runs on ${before.spec.host}: stop it or migrate it before it starts on ${write.host}`,
    );
  }
  try {
    checkSchedulable(draft, write.host);
  } catch (thrown) {
    throw thrown instanceof AdmissionError ? refusal(thrown.code, '/host', thrown.errors[0]?.detail ?? thrown.message) : thrown;
  }
  draft.weigh(write.tenant);
  const { hypervisor, interfaces } = before.spec;
  store(draft, key, before, { ...before, spec: { hypervisor, host: write.host, power: 'running', interfaces } });
}

/** The host is let go, with the zones on it; MACs and addresses stay. */
function stop(draft: Draft, write: WriteOf<'stop'>): void {
  const key = documentKey('Vm', write.tenant, write.name);
  const before = draft.value(key);
  if (before === undefined) throw new AdmissionError('not-found', `there is no ${nameOf(write)}`);
  const { host: _released, ...spec } = before.spec;
  store(draft, key, before, { ...before, spec: { hypervisor: spec.hypervisor, power: 'stopped', interfaces: spec.interfaces } });
}

function register(draft: Draft, write: WriteOf<'register'>): void {
  const findings = new Findings();
  if (!isName(write.name)) findings.add('/name', 'must be a DNS label: a host is called by the system-id of its switch');
  const encapIp = readEncapIp(write.encapIp, '/encapIp', findings);
  const first = findings.issues[0];
  if (first !== undefined || encapIp === undefined)
    throw refusal('malformed', first?.pointer ?? '/encapIp', first?.detail ?? 'is malformed');
  const key = documentKey('Host', undefined, write.name);
  const before = draft.value(key);
  const metadata = before?.metadata ?? {
    name: write.name,
    labels: {},
    uid: randomUuid(draft.random),
    createdAt: new Date(draft.wallMs).toISOString(),
  };
  store(draft, key, before, { kind: 'Host', metadata, spec: registeredSpec(draft, write.name, encapIp, before) });
}

/**
 * A quota, or a budget, that is exceeded already does not keep an owner from having less. `owners`: whose documents are written;
 * of others, whose rules come to more flows because of these documents, only what a switch can bear is checked.
 */
function checkQuotas(draft: Draft, owners: ReadonlySet<string | undefined>): void {
  for (const [tenant, before] of draft.weighed) {
    const now = draft.working.tallies.of(tenant);
    const quotas = (tenant === undefined ? undefined : draft.value(documentKey('Tenant', undefined, tenant))?.spec.quotas) ?? {};
    if (tenant === undefined || !owners.has(tenant)) {
      const bearable = Math.max(flowsMax(quotas), flowsPerTenantMax);
      if (exceeds(now, before, 'flows', bearable)) throw foreignBudget(tenant, owners, bearable);
      continue;
    }
    for (const name of ['networks', 'vms', 'interfaces', 'policies'] as const) {
      const quota = quotas[name];
      if (quota !== undefined && exceeds(now, before, name, quota)) {
        throw new AdmissionError('quota-exceeded', `tenant ${tenant} may have ${quota} ${name}, and this would make ${now[name]}`);
      }
    }
    const budget = flowsMax(quotas);
    if (exceeds(now, before, 'flows', budget)) {
      throw new AdmissionError(
        'flow-budget',
        `tenant ${tenant} may come to ${budget} flows on a host that holds all of it, and this would make up to ${now.flows} (before: ${before.flows})${advice(draft, tenant)}`,
      );
    }
  }
}

/** What would help. Beyond 128 groups what counts is how many different sets of groups interfaces are in. */
function advice(draft: Draft, tenant: string): string {
  const fewer = '; fewer or wider rules, peers and port ranges need fewer';
  if (!draft.working.sets.has(tenant)) return fewer;
  return `${fewer}: its rules name more than ${groupBits} groups, so that each different set of groups that interfaces are in costs flows; let them name fewer, or overlap less`;
}

/** Tenants learn nothing of each other's rules. */
function foreignBudget(tenant: string | undefined, owners: ReadonlySet<string | undefined>, bearable: number): AdmissionError {
  const whose = tenant === undefined ? 'the platform' : owners.has(undefined) ? `tenant ${tenant}` : 'another tenant';
  return new AdmissionError('flow-budget', `the rules of ${whose} would come to more than ${bearable} flows on a host`);
}

const exceeds = (now: Tally, before: Tally, name: keyof Tally, limit: number): boolean => now[name] > limit && now[name] > before[name];

function resultOf(draft: Draft, id: ResourceId, flowsBefore: number | undefined): WriteResult {
  const before = storedOf(draft.before(id) as never);
  const after = storedOf(draft.working.cell(keyOf(id)) as never);
  const compiled = draft.compiled.get(keyOf(id));
  const flows = flowsBefore === undefined ? undefined : { perHost: draft.working.tallies.flowsOf(keyOf(id)), before: flowsBefore };
  return { ...id, action: actionOf(before, after), before, after, ...(flows && { flows }), ...(compiled && { compiled }) };
}

function actionOf(before: object | undefined, after: (object & { readonly revision: number }) | undefined): Action {
  if (after === undefined) return 'deleted';
  if (before === undefined) return 'created';
  return (before as { readonly revision: number }).revision === after.revision ? 'unchanged' : 'updated';
}
