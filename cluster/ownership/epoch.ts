import { WeirError } from '../../src/base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import { type Release, releaseUntold } from '../version/index.ts';

/** Who shares the switches, from one change of it to the next. What decides is the committed one; a switch keeps its number and refuses lower ones. */
export interface OwnershipEpoch {
  /** Rises with each; a safe integer. */
  readonly epoch: number;
  /** Ascending by id. */
  readonly members: readonly EpochMember[];
  /** The version of the pipeline that these give to switches. */
  readonly pipeline: number;
}

export interface EpochMember {
  readonly id: MemberId;
  /** Which start of the member: one that was started again owns nothing under the epoch of before. */
  readonly incarnation: number;
}

/** What a member says of itself; kept until it is removed from the cluster, so that switches go on looking for one that is away. */
export interface MemberRecord extends EpochMember {
  /** Where switches find it, as Open vSwitch writes targets; undefined while it has not told. */
  readonly openflow: string | undefined;
  readonly ovsdb: string | undefined;
  readonly runs: Release;
  readonly pipeline: number;
}

/** Of who has stored nothing of it. */
const pipelineUntold = 1;

export const epochKey = 'sys/epoch';
export const recordPrefix = 'sys/member/';
export const recordKey = (id: MemberId): string => recordPrefix + id;

const membersMax = 64;

/**
 * Not less than the seconds since 1970, so that a cluster whose store was lost is not taken for an old one by the switches that it had.
 */
export function epochAfter(stored: number, wallMs: number): number {
  return Math.max(stored + 1, Math.floor(wallMs / 1000));
}

/**
 * Of those who could own switches, the ones whose pipeline is that of the epoch before: while members of two releases run, switches keep their owners' version of the pipeline
 * until nobody is left who has it, and then all go over to another, once: to the next higher that there is, else to the highest.
 */
export function sharingPipeline<T extends { readonly pipeline: number }>(before: number, members: readonly T[]): readonly T[] {
  const there = new Set(members.map(({ pipeline }) => pipeline));
  const higher = [...there].filter((pipeline) => pipeline >= before);
  const pipeline = higher.length > 0 ? Math.min(...higher) : Math.max(...there);
  return members.filter((member) => member.pipeline === pipeline);
}

export const isSameMembers = (a: readonly EpochMember[], b: readonly EpochMember[]): boolean =>
  a.length === b.length && a.every(({ id, incarnation }, at) => id === b[at]?.id && incarnation === b[at].incarnation);

/** A number alone is what a single node of an earlier release has stored. Throws `store-corrupt`. */
export function decodeEpoch(text: string): OwnershipEpoch {
  const value = parsed(epochKey, text);
  if (isCount(value)) return { epoch: value, members: [], pipeline: pipelineUntold };
  const { epoch, members, pipeline } = fieldsOf(value);
  if (!isCount(epoch) || !Array.isArray(members) || members.length > membersMax) throw corrupt(epochKey);
  return { epoch, members: members.map((each) => decodeMember(epochKey, each)), pipeline: isCount(pipeline) ? pipeline : pipelineUntold };
}

export function decodeRecord(key: string, text: string): MemberRecord {
  const value = parsed(key, text);
  const { openflow, ovsdb, runs, pipeline } = fieldsOf(value);
  const target = (given: unknown): string | undefined => (typeof given === 'string' ? given : undefined);
  return {
    ...decodeMember(key, value),
    openflow: target(openflow),
    ovsdb: target(ovsdb),
    runs: decodeRelease(runs),
    pipeline: isCount(pipeline) ? pipeline : pipelineUntold,
  };
}

function decodeRelease(value: unknown): Release {
  const { release, version, versionMin } = fieldsOf(value);
  return typeof release === 'string' && isCount(version) && isCount(versionMin) ? { release, version, versionMin } : releaseUntold;
}

function decodeMember(key: string, value: unknown): EpochMember {
  const { id, incarnation } = fieldsOf(value);
  if (typeof id !== 'string' || !isCount(incarnation)) throw corrupt(key);
  return { id, incarnation };
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function parsed(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw corrupt(key);
  }
}

const corrupt = (key: string): WeirError => new WeirError('store-corrupt', `${key} holds what no Weir wrote there`);
