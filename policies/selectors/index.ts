export { routingDomains } from './domains.ts';
export type { DomainOf } from './domains.ts';
export { findGroup, groupOfPeer, isMember, membershipOf, scopedText, tenantsOf } from './groups.ts';
export type { Membership } from './groups.ts';
export { labelsOf } from './labels.ts';
export type { Labels } from './labels.ts';
export { isIcmp, portKey, portOfKey, portsNamed, servicesMeant } from './services.ts';
export type { DeclaredPort } from './services.ts';
export type { GroupDocument, PolicyDocument, VmDocument, World } from './world.ts';
