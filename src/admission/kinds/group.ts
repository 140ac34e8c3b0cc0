import type { Draft } from '../draft.ts';
import { documentKey } from '../keys.ts';
import type { DocumentOfKind } from '../keys.ts';
import { refuseIfUsed, refuseUsers } from '../usage.ts';
import type { ResourceId } from '../ports.ts';
import { resolveName } from '../../../policies/model/index.ts';
import type { Handler } from './handler.ts';

type Group = DocumentOfKind<'Group'>;

export const groupHandler: Handler<'Group'> = {
  resolve: (_draft, wanted) => wanted.spec,

  changed: (draft, before, after) => {
    if (before !== undefined && after === undefined) draft.defer(() => refuseIfUsed(draft, before));
    if (before === undefined || after === undefined) return;
    if (before.spec.members.kind === 'selector' && after.spec.members.kind === 'cidrs') {
      draft.defer(() =>
        refuseUsers(after, appliers(draft, after), 'cannot become a group of CIDRs, which has no interfaces, while it stands in appliesTo'),
      );
    }
  },
};

/** Policies and QoS policies that apply to the group. */
function appliers(draft: Draft, group: Group): readonly ResourceId[] {
  const { tenant, name } = group.metadata;
  return draft.usersOf(documentKey('Group', tenant, name)).filter((user) => {
    const document = draft.document(documentKey(user.kind, user.tenant, user.name));
    if (document?.kind !== 'Policy' && document?.kind !== 'QosPolicy') return false;
    return document.spec.appliesTo?.some((entry) => {
      const scoped = resolveName(user.tenant, entry);
      return scoped.tenant === tenant && scoped.name === name;
    });
  });
}
