import type { Operation } from '../linearizability/history.ts';
import type { RegisterAction, RegisterResult } from '../linearizability/register.ts';

/** What a client did with one document, and was told. */
export interface KeyRecord extends Operation<RegisterAction, RegisterResult> {
  readonly kind: 'key';
  readonly key: string;
  /** Whom it asked, in this order. */
  readonly at: readonly string[];
  /** Of the document, as it was told. */
  readonly revision: number | undefined;
  /** Beside the result, for whoever reads it. */
  readonly said: string;
}

/** What a client was told of all documents of one kind, at once. */
export interface ListRecord {
  readonly kind: 'list';
  readonly client: string;
  readonly at: string;
  readonly calledAt: number;
  readonly answeredAt: number;
  /** All that there may be. */
  readonly keys: readonly string[];
  readonly revision: number;
  readonly found: ReadonlyMap<string, Found>;
}

export interface Found {
  readonly value: string;
  readonly revision: number;
}

export type Record = KeyRecord | ListRecord;

/** A document that is written and deleted again and again. Those of one phase are no longer written when it is over. */
export interface Key {
  readonly kind: 'groups' | 'vms';
  readonly name: string;
  readonly phase: string;
}

export const nameOf = ({ kind, name }: Key): string => `${kind}/${name}`;

export const tenant = 'faults';
export const pathOf = ({ kind, name }: Key): string => `/v1/tenants/${tenant}/${kind}/${name}`;

const groupsPerPhase = 5;
const vmsPerPhase = 3;

export const keysOf = (phase: string): readonly Key[] => [
  ...Array.from({ length: groupsPerPhase }, (_, at) => ({ kind: 'groups' as const, name: `${phase}-g${at}`, phase })),
  ...Array.from({ length: vmsPerPhase }, (_, at) => ({ kind: 'vms' as const, name: `${phase}-v${at}`, phase })),
];

/** A document as the API shows it, as far as clients here look at it. */
interface Shown {
  readonly metadata: { readonly name: string; readonly revision: number; readonly labels?: Readonly<{ [label: string]: string }> };
}

export function foundIn(document: unknown): Found & { readonly name: string } {
  const { name, revision, labels } = (document as Shown).metadata;
  return { name, revision, value: labels?.['op'] ?? '' };
}
