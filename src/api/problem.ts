import { WeirError } from '../base/errors.ts';
import type { Problem, ProblemDetails } from './schema/problem.ts';

/** Every code that the API answers, with its status. */
export const problemKinds = {
  malformed: { status: 400, title: 'The request is malformed' },
  'unknown-field': { status: 400, title: 'The request has a field that is not known' },
  unauthorized: { status: 401, title: 'A valid bearer token is needed' },
  forbidden: { status: 403, title: 'The token does not allow this' },
  'unknown-member': { status: 404, title: 'There is no such member' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'in-use': { status: 409, title: 'Others use it' },
  owned: { status: 409, title: 'An intent owns it' },
  'vni-in-use': { status: 409, title: 'The VNI belongs to another network' },
  'address-in-use': { status: 409, title: 'The address belongs to another' },
  'idempotency-mismatch': { status: 409, title: 'The idempotency key was used for another request' },
  conflict: { status: 409, title: 'It conflicts with what is there' },
  'member-exists': { status: 409, title: 'There is a member of that name' },
  'member-removed': { status: 409, title: 'That name belonged to a member that was removed' },
  'change-pending': { status: 409, title: 'Another change of the members is under way' },
  'quorum-at-risk': { status: 409, title: 'Too few of the voters would be there' },
  'last-voter': { status: 409, title: 'It is the last member that votes' },
  'too-many-members': { status: 409, title: 'The cluster has as many members as there may be' },
  'kept-by-etcd': { status: 409, title: 'Documents are kept by etcd' },
  'release-too-old': { status: 409, title: 'The release is too old for this cluster' },
  'release-too-new': { status: 409, title: 'The release is too new for this cluster' },
  'not-listening': { status: 409, title: 'This member listens for no other' },
  compacted: { status: 410, title: 'That revision is no longer kept' },
  stale: { status: 412, title: 'The resource is not at that revision' },
  'too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body has a content type that is not understood' },
  'reference-missing': { status: 422, title: 'It names something that does not exist' },
  'subnet-overlap': { status: 422, title: 'Subnets overlap' },
  'address-outside-subnet': { status: 422, title: 'The address is in no subnet of the network' },
  'pool-exhausted': { status: 422, title: 'The pool is exhausted' },
  'quota-exceeded': { status: 422, title: 'The quota is exceeded' },
  'flow-budget': { status: 422, title: 'The flow budget is exceeded' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'The server failed' },
  'no-leader': { status: 503, title: 'The cluster has no leader' },
  removed: { status: 503, title: 'This member was removed from the cluster' },
  'not-transferred': { status: 503, title: 'No other member took over' },
  'store-closed': { status: 503, title: 'The server is going down' },
  'store-busy': { status: 503, title: 'Too much waits' },
  'store-failed': { status: 503, title: 'The store failed' },
  'store-full': { status: 503, title: 'The store is full' },
  'unknown-outcome': { status: 503, title: 'It cannot be told whether the write was committed' },
  'southbound-busy': { status: 503, title: 'What speaks with switches has too much to do' },
  'southbound-lost': { status: 503, title: 'The server is going down' },
  'classifier-full': { status: 503, title: 'There are more policies than can be asked about' },
  'not-realized': { status: 504, title: 'The switches have not committed it in time' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

export type ProblemCode = keyof typeof problemKinds;

export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problemKinds, code);
}

/** A refusal that the API itself decides. */
export class ProblemError extends WeirError {
  declare readonly code: ProblemCode;
  readonly details: ProblemDetails;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ProblemCode,
    detail: string,
    more: ProblemDetails & { readonly headers?: Readonly<Record<string, string>>; readonly cause?: unknown } = {},
  ) {
    const { headers, cause, ...details } = more;
    super(code, detail, { cause });
    this.details = details;
    this.headers = headers ?? {};
  }
}

export function problemOf(code: ProblemCode, detail: string, details: ProblemDetails = {}): Problem {
  return { type: `urn:weir:problem:${code}`, title: problemKinds[code].title, status: problemKinds[code].status, detail, code, ...details };
}
