/** The metered contract interpreter, embedded into the bundle by scripts/build-enclave.ts. */
declare module 'cloister:interpreter' {
  const bytes: Uint8Array;
  export default bytes;
}
