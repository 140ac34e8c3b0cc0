/**
 * What the store keeps for each resource, beside what users write: the numbers that end up inside flows.
 * They are chosen before a transaction and written in it, under keys of their own, so that choosing one never
 * changes the revision of a user's document. Users never see them.
 *
 * Keys: `doc/<Kind>/<tenant or "-">/<name>` for documents, `num/<Kind>/<tenant or "-">/<name>` for numbers.
 */
export interface TenantNumbers {
  /** 1 to 2^28 - 1, unique. */
  readonly tenant: number;
  /** Numbers of the groups that rules for this tenant name: `web`, `platform/bastions`. In an even view 0-127, in an odd one 0-4095. */
  readonly groups: Readonly<Record<string, number>>;
  /** How the groups are told apart, see `View`: 0-15, absent for 0. It rises when that changes, so that what was is never taken for what is. */
  readonly view?: number;
}

export interface RouterNumbers {
  /** Routing domain, from 2^24 up, so that it is never a VNI. */
  readonly domain: number;
}

export interface PolicyNumbers {
  readonly ingress: readonly RuleNumbers[];
  readonly egress: readonly RuleNumbers[];
}

export interface RuleNumbers {
  /** 1 to 2^32 - 1, unique over all rules of all time, as far as 32 bits go. */
  readonly id: number;
  /**
   * 1-65535. For a tenant's own policies unique within (tenant, tier, direction), for the platform's within (tier, direction);
   * higher is judged first: by policy order, then policy name, then position in the list.
   */
  readonly priority: number;
}

export interface VmNumbers {
  /** Conntrack zone by host, then by interface name: 1-65534, unique on its host. Written when the VM is placed on the host. */
  readonly zones: Readonly<Record<string, Readonly<Record<string, number>>>>;
}
