import { InvalidArgumentError } from 'commander';
import type { ExplainBody } from '../api/schema/explain.ts';

type Service = Pick<ExplainBody, 'protocol' | 'port' | 'type' | 'code'>;

/** `tcp/5432`, `icmp`, `icmpv6/128`, `icmp/3/4`. */
export function serviceOf(text: string): Service {
  const parts = /^(tcp|udp|sctp|icmp|icmpv6)(?:\/(\d{1,5})(?:\/(\d{1,3}))?)?$/.exec(text);
  const protocol = parts?.[1] as Service['protocol'] | undefined;
  const numbers = [parts?.[2], parts?.[3]].map((number) => (number === undefined ? undefined : Number(number)));
  const [first, second] = numbers;
  if (protocol === 'icmp' || protocol === 'icmpv6')
    return { protocol, ...(first !== undefined && { type: first }), ...(second !== undefined && { code: second }) };
  if (protocol === undefined || first === undefined || second !== undefined || first > 65_535)
    throw new InvalidArgumentError('Write tcp/PORT, udp/PORT, sctp/PORT, icmp[/TYPE[/CODE]] or icmpv6[/TYPE[/CODE]].');
  return { protocol, port: first };
}
