/** Shape of the files in `test/vectors`: what every verifier is given, and the verdict that each must reach. */

/** Encoded headers, sections and certificates by name, base64; each stands once however often it is used. */
export type Parts = Readonly<Record<string, string>>;

/** What every vector has. */
interface Vector {
  readonly name: string;
  /** `valid`, `final` or `proven`, or the code of the refusal. */
  readonly verdict: string;
}

/** Changes of epoch, by the names of their parts. */
export interface EpochVector extends Vector {
  readonly proofs: readonly {
    readonly header: string;
    readonly system: string;
    readonly following: readonly string[];
    readonly finalization: string;
  }[];
  /** Newest epoch that is proven afterwards. */
  readonly epoch: number;
}

/** Blocks of the first epoch, by the names of their parts. */
export interface FinalityVector extends Vector {
  readonly headers: readonly string[];
  readonly finalization: string;
  /** What the enclave answers, which tells less: `executed` or a code of its boundary. */
  readonly enclave: string;
}

/** Fields of a genuine file that are replaced. */
export interface FileVector extends Vector {
  readonly change: Readonly<Record<string, unknown>>;
}

/** Files `epochs.json` and `finality.json`. */
export interface ChainVectors<V> {
  readonly about: string;
  /** Encoded genesis, base64. */
  readonly genesis: string;
  readonly parts: Parts;
  readonly cases: readonly V[];
}

/** Files `receipts.json` and `evidence.json`. */
export interface FileVectors {
  readonly about: string;
  /** Chain id that the verifier trusts. */
  readonly chainId: string;
  readonly genuine: object;
  readonly cases: readonly FileVector[];
}
