/** Numbers of the host operations; contracts/host-calls.ts holds the same table (a test compares them). */
export const hostOperationNames = [
  'get',
  'set',
  'remove',
  'scan',
  'random',
  'seal',
  'claim',
  'refuse',
  'unknownMethod',
  'sha256',
  'key',
] as const;

/** Name of a host operation. */
export type HostOperationName = (typeof hostOperationNames)[number];
