import { resolveName } from '../../../policies/model/index.ts';
import type { Draft } from '../draft.ts';
import { refusal } from '../error.ts';
import { documentKey, policyNumbersKey } from '../keys.ts';
import type { DocumentOfKind } from '../keys.ts';
import { numberRules } from '../numbers/priorities.ts';
import type { Handler } from './handler.ts';

type Applying = DocumentOfKind<'Policy'> | DocumentOfKind<'QosPolicy'>;

export const policyHandler: Handler<'Policy'> = {
  resolve: (_draft, wanted) => wanted.spec,

  changed: (draft, before, after) => {
    if (after !== undefined) {
      numberRules(draft, before, after);
      checkAppliesTo(draft, after);
    } else if (before !== undefined) draft.write(policyNumbersKey(before.metadata.tenant, before.metadata.name), undefined);
  },
};

export const qosPolicyHandler: Handler<'QosPolicy'> = {
  resolve: (_draft, wanted) => wanted.spec,
  changed: (draft, _before, after) => {
    if (after !== undefined) checkAppliesTo(draft, after);
  },
};

/** A group of CIDRs has no interfaces, so nothing can apply to it. */
function checkAppliesTo(draft: Draft, document: Applying): void {
  for (const [index, name] of (document.spec.appliesTo ?? []).entries()) {
    const scoped = resolveName(document.metadata.tenant, name);
    const group = draft.value(documentKey('Group', scoped.tenant, scoped.name));
    if (group?.spec.members.kind === 'cidrs')
      throw refusal('malformed', `/spec/appliesTo/${index}`, `${name} is a group of CIDRs, which cannot stand in appliesTo`);
  }
}
