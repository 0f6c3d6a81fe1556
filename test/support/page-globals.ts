/** The globals of a web page, for code that was bundled for browsers and runs in a context of `node:vm`. */

/** What a page has; typed arrays are shared with the outside so that bytes of `fetch` are of the page's own kind. */
export const pageGlobals = () => ({
  AbortController,
  AbortSignal,
  ArrayBuffer,
  BigInt64Array,
  BigUint64Array,
  crypto: globalThis.crypto,
  DataView,
  fetch,
  Float64Array,
  Int32Array,
  MessageChannel,
  performance,
  setTimeout,
  clearTimeout,
  TextDecoder,
  TextEncoder,
  Uint16Array,
  Uint32Array,
  Uint8Array,
  URL,
});
