/**
 * Homes of validators that never ran: genesis, keystore, stand-ins for the simulated enclave's files, and a log of votes
 * with a chosen history. Enough for everything that moves keys.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { PublicKey } from '../../protocol/brand.ts';
import type { WalRecord } from '../../protocol/consensus/wal-record.ts';
import { chainIdOf, type Genesis } from '../../protocol/genesis.ts';
import { toHex } from '../../protocol/hex.ts';
import { createSecrets, type NodeKeystore, type NodeSecrets, validatorKeyOf } from '../../node/keystore.ts';
import { FRESH_CUSTODY, type KeyCustody } from '../../node/custody.ts';
import { homePaths, readKeystore, writeKeystore } from '../../node/home.ts';
import { logRecord } from '../../node/log-records.ts';
import { openSigningState, openToSign, type SigningState } from '../../node/storage.ts';
import { genesisOf } from './tiny-genesis.ts';

/** Passphrases of every such home, and of every guard file. */
export const HOME_PASSPHRASE = 'the passphrase of the home';
export const GUARD_PASSPHRASE = 'the passphrase of the guard';

/** A genesis with this validator at position 0. */
export const genesisWith = (secrets: NodeSecrets, network = 'guarded'): Genesis => {
  const genesis = genesisOf(network);
  const validators = genesis.validators.map((validator, index) =>
    index === 0 ? { ...validator, validatorKey: validatorKeyOf(secrets) } : validator,
  );
  return { ...genesis, validators };
};

/** Writes the genesis of a home. */
export const putGenesis = (home: string, genesis: Genesis): void => {
  mkdirSync(home, { recursive: true });
  writeFileSync(homePaths(home).genesis, `${JSON.stringify(genesis, null, 2)}\n`);
};

/** A home at a path. */
export class GuardHome {
  readonly path: string;
  readonly genesis: Genesis;

  constructor(path: string, genesis: Genesis) {
    this.path = path;
    this.genesis = genesis;
  }

  /** Founds a home with fresh keys and lets it sign these records. */
  static async found(path: string, records: readonly WalRecord[] = []): Promise<GuardHome> {
    const secrets = createSecrets();
    const home = new GuardHome(path, genesisWith(secrets));
    putGenesis(path, home.genesis);
    await writeKeystore(path, { secrets, custody: FRESH_CUSTODY }, HOME_PASSPHRASE);
    const paths = homePaths(path);
    mkdirSync(`${path}/enclave`, { recursive: true });
    for (const file of [paths.processor, paths.sealedIdentity, paths.sealedEpoch]) writeFileSync(file, `of ${file}`);
    await home.sign(records);
    return home;
  }

  keystore(): Promise<NodeKeystore> {
    return readKeystore(this.path, HOME_PASSPHRASE);
  }

  async validatorKey(): Promise<PublicKey> {
    return validatorKeyOf((await this.keystore()).secrets);
  }

  async custody(): Promise<KeyCustody> {
    return (await this.keystore()).custody;
  }

  /** Opens log and ledger, whatever they say of the key. */
  async open(): Promise<SigningState> {
    return openSigningState({ home: this.path, chainId: chainIdOf(this.genesis), ...(await this.keystore()) });
  }

  /** Opens as a node does that is about to sign. Throws why it must not. */
  async start(): Promise<SigningState> {
    const keystore = await this.keystore();
    return openToSign({
      home: this.path,
      chainId: chainIdOf(this.genesis),
      ...keystore,
      keepCustody: (custody) => writeKeystore(this.path, { ...keystore, custody }, HOME_PASSPHRASE),
    });
  }

  /** Starts and appends records of agreement. */
  async sign(records: readonly WalRecord[]): Promise<void> {
    await using state = await this.start();
    state.wal.append(...records.map((record) => logRecord(record)));
    await state.wal.sync();
  }

  /** Everything secret in this home, as hexadecimal digits. */
  async secretDigits(): Promise<string[]> {
    const { validator, network, replica } = (await this.keystore()).secrets;
    return [validator, network, replica].map(toHex);
  }
}
