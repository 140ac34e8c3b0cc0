import { WeirError } from '../base/errors.ts';
import type { ResourceId } from './ports.ts';

export type RefusalCode =
  | 'malformed'
  | 'unknown-field'
  | 'forbidden'
  | 'not-found'
  | 'in-use'
  | 'owned'
  | 'vni-in-use'
  | 'address-in-use'
  | 'idempotency-mismatch'
  | 'conflict'
  | 'stale'
  | 'reference-missing'
  | 'subnet-overlap'
  | 'address-outside-subnet'
  | 'pool-exhausted'
  | 'quota-exceeded'
  | 'flow-budget';

export interface Finding {
  /** JSON pointer into what was sent. */
  readonly pointer: string;
  readonly detail: string;
  /** In a text that has a grammar of its own: where, lines and columns from 1. */
  readonly place?: { readonly line: number; readonly column: number; readonly length: number };
}

export interface User {
  readonly kind: ResourceId['kind'];
  readonly tenant?: string;
  readonly name: string;
}

/** Enough to act upon; the rest would be a listing. */
const usersMax = 100;

/** A request that was refused. It changed nothing. */
export class AdmissionError extends WeirError {
  declare readonly code: RefusalCode;
  readonly errors: readonly Finding[];
  /** Of `in-use`, and of `vni-in-use` and `address-in-use` where the caller may know: who has it. */
  readonly users: readonly User[];

  constructor(
    code: RefusalCode,
    detail: string,
    more: { readonly errors?: readonly Finding[]; readonly users?: readonly ResourceId[] } = {},
  ) {
    super(code, detail);
    this.errors = more.errors ?? [];
    this.users = (more.users ?? []).slice(0, usersMax).map(userOf);
  }
}

function userOf(id: ResourceId): User {
  return { kind: id.kind, ...(id.tenant === undefined ? {} : { tenant: id.tenant }), name: id.name };
}

/** A refusal for one place in a document. */
export function refusal(code: RefusalCode, pointer: string, detail: string, users: readonly ResourceId[] = []): AdmissionError {
  return new AdmissionError(code, pointer === '' ? detail : `${pointer} ${detail}`, { errors: [{ pointer, detail }], users });
}
