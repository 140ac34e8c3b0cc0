import { Type } from 'typebox';

/** The texts that schemas have in common. A `description` completes the sentence "must be …" in an error. */
export const nameSchema = Type.String({
  minLength: 1,
  maxLength: 63,
  pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$',
  description: 'a DNS label: at most 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit',
});

/** `NAME`, or `SCOPE/NAME` where the scope is a tenant or `platform`. */
export const scopedNameSchema = Type.String({
  minLength: 1,
  maxLength: 127,
  pattern: '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
  description: 'NAME or SCOPE/NAME, each a DNS label',
});

/** Keys and values are checked by `parseLabels`: a schema cannot say why a key is bad. */
export const labelsSchema = Type.Object(
  {},
  {
    additionalProperties: Type.String({ maxLength: 63, description: 'a label value of at most 63 characters' }),
    maxProperties: 64,
    description: 'labels by the syntax of Kubernetes',
  },
);

export const cidrSchema = Type.String({ maxLength: 64, description: 'a CIDR block such as 10.0.0.0/24 or fd00::/64' });
export const addressSchema = Type.String({ maxLength: 64, description: 'an IPv4 or IPv6 address' });
export const macSchema = Type.String({
  maxLength: 17,
  pattern: '^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$',
  description: 'a MAC address such as 02:00:00:00:00:01',
});

/** Refuses what it does not know. */
export const closed = { additionalProperties: false } as const;
