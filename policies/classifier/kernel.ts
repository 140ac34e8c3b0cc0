/** More questions than this are not asked of the kernel at once. */
export const lanesMax = 64;
/** Where in the lanes' words each kind of vector begins, and the answers. */
export const lane = { local: 0, address: 64, service: 128, answer: 192, groups: 256 } as const;

/** The kernel of one reader: what kernel.wat says, with lanes of its own. */
export interface Kernel {
  readonly lanes: Int32Array;
  readonly addresses: (count: number) => void;
  readonly groups: (count: number) => void;
}

/** kernel.wat in binary; a test makes it again. */
export const kernelBytes: Uint8Array = Buffer.from(
  [
    'AGFzbQEAAAABBQFgAX8AAhkBCmNsYXNzaWZpZXIGbWVtb3J5AgMBgIAEAwMCAAAFBAEBAQEHHgMFbGFuZXMCAQlhZGRyZXNzZXMAAAZncm91cHMAAQqhBwKs',
    'AwIHfwR7IABBAnQhAANAIAEoQgEAIQIgAShCAYACIQMgAShCAYAEIQRBfyEGIAIoAgAgBCgCAHEgAygCAHEhBwJAIAdFDQADQCAHaEEGdCEFIAIgBWr9AARA',
    'IAQgBWr9AARA/U4gAyAFav0ABED9TiEIIAIgBWr9AARQIAQgBWr9AARQ/U4gAyAFav0ABFD9TiEJIAIgBWr9AARgIAQgBWr9AARg/U4gAyAFav0ABGD9TiEK',
    'IAIgBWr9AARwIAQgBWr9AARw/U4gAyAFav0ABHD9TiELIAggCf1QIAogC/1Q/VD9UwRAIAUgCP0MAAAAAAAAAAAAAAAAAAAAAP04/aQBIAn9DAAAAAAAAAAA',
    'AAAAAAAAAAD9OP2kAUEEdHIgCv0MAAAAAAAAAAAAAAAAAAAAAP04/aQBQQh0IAv9DAAAAAAAAAAAAAAAAAAAAAD9OP2kAUEMdHJyaEECdGohBSAFQQN0IAIg',
    'BWooAkAgBCAFaigCQHEgAyAFaigCQHFnaiEGDAILIAcgB0EBa3EiBw0ACwsgASAGNkIBgAYgAUEEaiEBIAEgAEkNAAsL8AMCCH8EeyAAQQJ0IQADQCABKEIB',
    'ACECIAEoQgGAAiEDIAEoQgGABCEEIAEoQgGACCEFQX8hByACKAIAIAQoAgBxIAMoAgAgBSgCAHJxIQgCQCAIRQ0AA0AgCGhBBnQhBiACIAZq/QAEQCAEIAZq',
    '/QAEQP1OIAMgBmr9AARAIAUgBmr9AARA/VD9TiEJIAIgBmr9AARQIAQgBmr9AARQ/U4gAyAGav0ABFAgBSAGav0ABFD9UP1OIQogAiAGav0ABGAgBCAGav0A',
    'BGD9TiADIAZq/QAEYCAFIAZq/QAEYP1Q/U4hCyACIAZq/QAEcCAEIAZq/QAEcP1OIAMgBmr9AARwIAUgBmr9AARw/VD9TiEMIAkgCv1QIAsgDP1Q/VD9UwRA',
    'IAYgCf0MAAAAAAAAAAAAAAAAAAAAAP04/aQBIAr9DAAAAAAAAAAAAAAAAAAAAAD9OP2kAUEEdHIgC/0MAAAAAAAAAAAAAAAAAAAAAP04/aQBQQh0IAz9DAAA',
    'AAAAAAAAAAAAAAAAAAD9OP2kAUEMdHJyaEECdGohBiAGQQN0IAIgBmooAkAgBCAGaigCQHEgAyAGaigCQCAFIAZqKAJAcnFnaiEHDAILIAggCEEBa3EiCA0A',
    'CwsgASAHNkIBgAYgAUEEaiEBIAEgAEkNAAsL',
  ].join(''),
  'base64',
);

let compiled: WebAssembly.Module | undefined;

export function openKernel(memory: WebAssembly.Memory): Kernel {
  compiled ??= new WebAssembly.Module(kernelBytes);
  const { exports } = new WebAssembly.Instance(compiled, { classifier: { memory } });
  const { lanes, addresses, groups } = exports as Pick<Kernel, 'addresses' | 'groups'> & {
    readonly lanes: { readonly buffer: ArrayBuffer };
  };
  return { lanes: new Int32Array(lanes.buffer), addresses, groups };
}
