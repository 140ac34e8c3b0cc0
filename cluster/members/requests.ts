import { WeirError } from '../../src/base/errors.ts';
import type { Release } from '../version/index.ts';
import { memberPattern } from './identity.ts';

/** What a member asks the leader to do. */
export type MemberRequest =
  | { readonly kind: 'status' }
  | { readonly kind: 'add'; readonly id: string; readonly address: string; readonly runs: Release | undefined }
  | { readonly kind: 'remove'; readonly id: string }
  | { readonly kind: 'transfer'; readonly to: string | undefined };

const addressPattern = /^(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):(\d{1,5})$/;

const wildcardPattern = /^(?:0\.0\.0\.0|\[[0:]+\]):/;

/** Throws `malformed`. */
export function readMemberRequest(value: unknown): MemberRequest {
  const { kind, id, address, to, runs } = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  switch (kind) {
    case 'status':
      return { kind };
    case 'add':
      return { kind, id: readId(id), address: readAddress(address), runs: readRelease(runs) };
    case 'remove':
      return { kind, id: readId(id) };
    case 'transfer':
      return { kind, to: to === undefined ? undefined : readId(to) };
    default:
      throw new WeirError('malformed', `a member does not answer ${JSON.stringify(kind)}`);
  }
}

export function readId(value: unknown): string {
  if (typeof value === 'string' && memberPattern.test(value)) return value;
  throw new WeirError('malformed', `${shown(value)} is no name of a member: lower case letters, digits and dashes, 63 at most`);
}

export function readAddress(value: unknown): string {
  const port = typeof value === 'string' ? Number(addressPattern.exec(value)?.[1]) : NaN;
  if (wildcardPattern.test(String(value)))
    throw new WeirError('malformed', `${shown(value)} is where one listens; others cannot connect to it`);
  if (port > 0 && port < 65_536) return value as string;
  throw new WeirError('malformed', `${shown(value)} is no HOST:PORT`);
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

export function readRelease(value: unknown): Release | undefined {
  if (value === undefined) return undefined;
  const { release, version, versionMin } = (typeof value === 'object' && value !== null ? value : {}) as Partial<
    Record<keyof Release, unknown>
  >;
  if (typeof release === 'string' && isCount(version) && isCount(versionMin)) return { release, version, versionMin };
  throw new WeirError('malformed', `${shown(value)} is no release`);
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 100);
