/** What certificates say of every view, whoever sent them: P1 to P4, and P5, that no notarised block is skipped unless it was nullified. */
import type { BlockHash } from '../../protocol/brand.ts';
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import type { Header } from '../../protocol/consensus/header.ts';

interface ViewFacts {
  notarized: BlockHash | undefined;
  nullified: boolean;
  finalized: BlockHash | undefined;
}

/** See the module comment. */
export class ViewBook {
  readonly #broken: (property: string, detail: string) => void;
  readonly #views = new Map<string, ViewFacts>();

  /** `broken` is told of a property that does not hold. */
  constructor(broken: (property: string, detail: string) => void) {
    this.#broken = broken;
  }

  #view(epoch: number, number: number): ViewFacts {
    const key = `${epoch}:${number}`;
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    const fresh: ViewFacts = { notarized: undefined, nullified: false, finalized: undefined };
    this.#views.set(key, fresh);
    return fresh;
  }

  /** Takes note of a genuine certificate. */
  note({ epoch, hash, kind, view }: Certificate): void {
    const facts = this.#view(epoch, view);
    const at = `view ${view} of epoch ${epoch}`;
    if (kind === 'nullify') facts.nullified = true;
    else if (kind === 'notarize') {
      if (facts.notarized !== undefined && facts.notarized !== hash) this.#broken('P3', `two notarizations of ${at}`);
      facts.notarized = hash;
    } else {
      if (facts.finalized !== undefined && facts.finalized !== hash) this.#broken('P1', `two finalizations of ${at}`);
      facts.finalized = hash;
    }
    if (facts.nullified && facts.finalized !== undefined) this.#broken('P2', `${at} nullified and finalised`);
    if (facts.finalized !== undefined && facts.notarized !== undefined && facts.finalized !== facts.notarized)
      this.#broken('P4', `${at} finalised a block that is not the notarised one`);
  }

  /** P5: a view that the chain jumps over and that has a notarised block must have been nullified. */
  skipped({ epoch, parentView, view }: Pick<Header, 'epoch' | 'parentView' | 'view'>): void {
    for (let number = parentView + 1; number < view; number += 1) {
      const facts = this.#views.get(`${epoch}:${number}`);
      if (facts?.notarized !== undefined && !facts.nullified)
        this.#broken('P5', `notarised view ${number} of epoch ${epoch} was skipped`);
    }
  }

  /** Whether a block of a view was notarised or finalised. */
  certified({ epoch, view }: Pick<Header, 'epoch' | 'view'>, id: BlockHash): boolean {
    const facts = this.#views.get(`${epoch}:${view}`);
    return facts?.notarized === id || facts?.finalized === id;
  }
}
