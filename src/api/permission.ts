import type { Snapshot } from '../admission/index.ts';
import type { Caller } from './caller.ts';
import { ProblemError } from './problem.ts';

/**
 * What a caller may write beyond what its route says. `compute` applies VMs only. A tenant writes its VMs, but where they run
 * and whether is the compute layer's: it may repeat those fields as they are, so that what was read can be sent back.
 */
export function mayWrite(
  caller: Caller,
  raw: unknown,
  target: { readonly kind?: unknown; readonly name?: unknown },
  snapshot: Snapshot,
  pointer: string,
): void {
  if (caller.role !== 'tenant') {
    if (caller.role === 'compute' && target.kind !== 'Vm') throw forbidden('a token of role "compute" writes VMs only', `${pointer}/kind`);
    return;
  }
  if (target.kind !== 'Vm') return;
  const spec = field(raw, 'spec');
  const stored = typeof target.name === 'string' ? snapshot.get('Vm', caller.tenant, target.name)?.document.spec : undefined;
  for (const [name, present] of [
    ['host', stored?.host ?? null],
    ['power', stored?.power ?? 'stopped'],
  ] as const) {
    const wanted = field(spec, name);
    if (wanted !== undefined && wanted !== present) throw forbidden(`${name} is written by the compute layer`, `${pointer}/spec/${name}`);
  }
}

/** Of a document as it was sent, which may be anything. */
export function field(raw: unknown, name: string): unknown {
  return typeof raw === 'object' && raw !== null && Object.hasOwn(raw, name) ? (raw as Record<string, unknown>)[name] : undefined;
}

function forbidden(detail: string, pointer: string): ProblemError {
  return new ProblemError('forbidden', detail, { errors: [{ pointer, detail }] });
}
