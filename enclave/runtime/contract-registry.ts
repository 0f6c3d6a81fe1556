/**
 * Deployed contracts: which code is active under a name, and the evaluated images of codes in use.
 *
 * Code and activation are replicated state; images are a cache per code hash and can always be made again.
 */
import type { Hash } from '../../protocol/brand.ts';
import { domainHash, utf8 } from '../../protocol/hash.ts';
import type { Overlay } from './state/overlay.ts';
import { scan, type StateReader } from './state/reader.ts';
import { systemKeys } from './system-keys.ts';
import { ContractCodeError } from './vm/execution.ts';
import type { ContractImage, ContractVm } from './vm/contract-vm.ts';

const MAX_IMAGES = 32;
const MAX_CONTRACTS_LISTED = 1024;
const NAME_PATTERN = /^[a-z][a-z0-9-]{0,31}$/;
/** Name of the contract that is built in. */
export const SYSTEM_CONTRACT = 'system';

/** An active deployment. */
export interface Deployment {
  readonly name: string;
  readonly codeHash: Hash;
  readonly version: number;
  readonly activatedHeight: number;
}

/** Identity of contract code. */
export const codeHashOf = (code: string): Hash => domainHash('cloister/contract-code', utf8(code));

/** Whether a name may be deployed under. */
export const isContractName = (name: string): boolean => NAME_PATTERN.test(name) && name !== SYSTEM_CONTRACT;

const MAX_PARSED = 256;
/** Deployments by their text in state; a text never changes its meaning. */
const parsed = new Map<string, Deployment>();

/** The deployment that is active under a name. */
export function deploymentOf(state: StateReader, name: string): Deployment | undefined {
  const text = state.get(systemKeys.contract(name));
  if (text === undefined) return undefined;
  let deployment = parsed.get(text);
  if (deployment === undefined) {
    deployment = JSON.parse(text) as Deployment;
    if (parsed.size >= MAX_PARSED) parsed.clear();
    parsed.set(text, deployment);
  }
  return deployment;
}

/** Makes code active under a name. */
export function activate(state: Overlay, deployment: Deployment): void {
  state.set(systemKeys.contract(deployment.name), JSON.stringify(deployment));
}

/** All active deployments, by name. */
export function deployments(state: StateReader): Deployment[] {
  const range = { from: systemKeys.contract(''), to: systemKeys.contract('\uffff'), reverse: false };
  return scan(state, range, MAX_CONTRACTS_LISTED).map(([, text]) => JSON.parse(text) as Deployment);
}

/** Images of the codes in use, made once each; the least recently used one goes when there are too many. */
export class ImageCache {
  readonly #vm: ContractVm;
  readonly #images = new Map<string, ContractImage>();

  constructor(vm: ContractVm) {
    this.#vm = vm;
  }

  /** The image of code that state holds; undefined when it is not there or does not evaluate. */
  image(state: StateReader, codeHash: Hash): ContractImage | undefined {
    const known = this.#images.get(codeHash);
    if (known !== undefined) {
      this.#images.delete(codeHash);
      this.#images.set(codeHash, known);
      return known;
    }
    const code = state.get(systemKeys.code(codeHash));
    return code === undefined ? undefined : this.#prepare(codeHash, code);
  }

  #prepare(codeHash: Hash, code: string): ContractImage | undefined {
    let image: ContractImage;
    try {
      image = this.#vm.prepare(code);
    } catch (error) {
      if (error instanceof ContractCodeError) return undefined;
      throw error;
    }
    this.#images.set(codeHash, image);
    if (this.#images.size > MAX_IMAGES) this.#images.delete(this.#images.keys().next().value ?? '');
    return image;
  }
}
