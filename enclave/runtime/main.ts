/**
 * Entry of the enclave process: measures its own bundle, gives up its last permission, and serves the channel.
 *
 * Requests are served one after the other, each to its end. When the host closes the channel the process ends; when an
 * exception escapes it ends with an exit code and not a word, because words could hold secrets.
 */
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { randomBytes, sha384 } from '#primitives';
import type { Measurement } from '../../protocol/brand.ts';
import { isCloisterError } from '../../protocol/errors.ts';
import { toHex } from '../../protocol/hex.ts';
import interpreter from 'cloister:interpreter';
import { type EnclaveErrorCode, enclaveErrors } from '../boundary/errors.ts';
import { FrameDecoder, type FrameEvent, frameHeader } from '../boundary/framing.ts';
import { type DecodedRequest, decodeRequest, encodeRefusal, encodeReply } from '../boundary/messages.ts';
import { Enclave } from './enclave.ts';
import { ContractVm } from './vm/contract-vm.ts';

const CHANNEL_DESCRIPTOR = 3;
const EXIT_BROKEN = 70;
const EXIT_JAIL_OPEN = 77;
const NO_REQUEST = 0;

/** Reads the own bundle, then drops the permission to read anything; the jail must have been there and must be gone. */
function measure(bundlePath: string): Measurement {
  const { permission } = process;
  const measurement = toHex(sha384(readFileSync(bundlePath))) as Measurement;
  if (permission === undefined || !permission.has('fs.read', bundlePath)) process.exit(EXIT_JAIL_OPEN);
  permission.drop('fs.read');
  if (permission.has('fs.read', bundlePath)) process.exit(EXIT_JAIL_OPEN);
  return measurement;
}

function refusalOf(error: unknown): EnclaveErrorCode {
  return isCloisterError(error) && error.code in enclaveErrors.table ? (error.code as EnclaveErrorCode) : 'FAIL_STOP';
}

function reply(enclave: Enclave, decoded: DecodedRequest): Uint8Array {
  if (decoded.kind === 'malformed') return encodeRefusal(decoded.id, 'REQUEST_MALFORMED');
  try {
    return encodeReply(decoded.id, decoded.kind, enclave.handle(decoded.kind, decoded.request));
  } catch (error) {
    return encodeRefusal(decoded.id, refusalOf(error));
  }
}

function answer(enclave: Enclave, event: FrameEvent): Uint8Array {
  return event.kind === 'frame' ? reply(enclave, decodeRequest(event.body)) : encodeRefusal(NO_REQUEST, event.code);
}

function serve(): void {
  process.on('uncaughtException', () => process.exit(EXIT_BROKEN));
  const enclave = new Enclave({
    measurement: measure(process.argv[1] ?? ''),
    vm: ContractVm.load(interpreter),
    random: randomBytes,
    heapBytes: () => process.memoryUsage().heapUsed,
  });
  const channel = new Socket({ fd: CHANNEL_DESCRIPTOR, readable: true, writable: true });
  const decoder = new FrameDecoder();
  channel.on('data', (chunk: Uint8Array) => {
    channel.cork();
    for (const event of decoder.push(chunk)) {
      const body = answer(enclave, event);
      channel.write(frameHeader(body.length));
      channel.write(body);
    }
    channel.uncork();
  });
  channel.on('error', () => process.exit(0));
  channel.on('close', () => process.exit(0));
  channel.on('end', () => process.exit(0));
}

serve();
