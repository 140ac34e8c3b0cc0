import type { Findings } from './issue.ts';
import type { RawSpec } from './schema/resource.ts';
import type { IntentWanted } from './wanted.ts';

const intentOrderDefault = 500;

/** So that what an intent owns can be called `intent-NAME-…` and still by a DNS label. */
const intentNameMax = 40;

/** The sentence is read by admission, which knows what its names mean. */
export const parseIntent = (spec: RawSpec<'Intent'>): IntentWanted => ({ text: spec.text, order: spec.order ?? intentOrderDefault });

export function checkIntentName(name: string, findings: Findings): void {
  if (name.length > intentNameMax)
    findings.add('/metadata/name', `must have at most ${intentNameMax} characters: what an intent owns is called after it`);
}
