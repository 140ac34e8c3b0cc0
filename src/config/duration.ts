import { WeirError } from '../base/errors.ts';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `24h`, `7d` → milliseconds. */
export function parseDuration(text: string): number {
  const parts = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  const unit = unitMs[parts?.[2] ?? ''];
  if (!parts || unit === undefined) throw new WeirError('config-invalid', `"${text}" is no duration such as 30s, 24h or 7d`);
  return Number(parts[1]) * unit;
}
