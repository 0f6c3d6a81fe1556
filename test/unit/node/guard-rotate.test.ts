/** Rotation of a consensus key: prepared durably, once; both keys move together; a key that was used twice is left out. */
import { describe, expect, it } from 'vitest';
import { ed25519Verify } from '#primitives';
import { refuseForEver } from '../../../node/custody.ts';
import { exportGuard } from '../../../node/guard-export.ts';
import { importGuard } from '../../../node/guard-import.ts';
import { rotateKey } from '../../../node/guard-rotate.ts';
import { afterRotation, validatorKeysOf } from '../../../node/keystore.ts';
import { keyRotationBytes } from '../../../protocol/consensus/governance.ts';
import { chainIdOf } from '../../../protocol/genesis.ts';
import { fromHex } from '../../../protocol/hex.ts';
import { GUARD_PASSPHRASE, GuardHome, HOME_PASSPHRASE } from '../../support/guard-home.ts';
import { codeOf, freshDirectory } from '../ledger/support.ts';
import { vote } from './promises.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

describe('guard rotate', () => {
  it('prepares one key, whose owner proves it, and gives the same again', async () => {
    const home = await GuardHome.found(freshDirectory(), [vote(1, 1, 'nullify')]);
    const chainId = chainIdOf(home.genesis);
    const rotation = await rotateKey(home.path, HOME_PASSPHRASE);
    const { validatorKey, newKey, proof } = rotation;
    expect(validatorKey).toBe(await home.validatorKey());
    expect(newKey).not.toBe(validatorKey);
    expect(ed25519Verify(proof, keyRotationBytes(chainId, validatorKey, newKey), fromHex(newKey))).toBe(true);
    expect(await rotateKey(home.path, HOME_PASSPHRASE)).toEqual(rotation);
    await using signing = await home.start();
    expect(signing.validatorSecrets).toHaveLength(2);
    expect(signing.records).toHaveLength(1);
    expect(await codeOf(rotateKey(home.path, HOME_PASSPHRASE))).toBe('KEY_IN_USE');
  });

  it('settles once the key is in use, and not before', async () => {
    const home = await GuardHome.found(freshDirectory());
    const { validatorKey, newKey } = await rotateKey(home.path, HOME_PASSPHRASE);
    const keystore = await home.keystore();
    expect(afterRotation(keystore, [validatorKey])).toBe(keystore);
    const settled = afterRotation(keystore, [newKey]);
    expect(validatorKeysOf(settled.secrets)).toEqual([newKey]);
    expect(settled.secrets.network).toEqual(keystore.secrets.network);
  });

  it('is the way on for a key that was used elsewhere: only the new one signs', async () => {
    const home = await GuardHome.found(freshDirectory(), [vote(1, 1, 'nullify')]);
    {
      await using state = await home.open();
      await refuseForEver(state.wal, await home.validatorKey(), 0, undefined);
    }
    expect(await codeOf(home.start())).toBe('KEY_USED_TWICE');
    const { newKey } = await rotateKey(home.path, HOME_PASSPHRASE);
    {
      await using signing = await home.start();
      const [, next] = validatorKeysOf((await home.keystore()).secrets);
      expect(next).toBe(newKey);
      expect(signing.validatorSecrets).toEqual([(await home.keystore()).secrets.next]);
      await refuseForEver(signing.wal, newKey, 0, undefined);
    }
    expect(await codeOf(home.start())).toBe('KEY_USED_TWICE');
  });

  it('lets both keys move together', async () => {
    const home = await GuardHome.found(freshDirectory(), [vote(1, 1, 'nullify')]);
    const { newKey } = await rotateKey(home.path, HOME_PASSPHRASE);
    const out = join(freshDirectory(), 'v.guard');
    await exportGuard({ home: home.path, passphrase: HOME_PASSPHRASE, guardPassphrase: GUARD_PASSPHRASE, out });
    expect(await codeOf(rotateKey(home.path, HOME_PASSPHRASE))).toBe('KEY_EXPORTED');
    const target = join(freshDirectory(), 'home');
    await importGuard({
      home: target,
      file: readFileSync(out, 'utf8'),
      guardPassphrase: GUARD_PASSPHRASE,
      homePassphrase: async () => HOME_PASSPHRASE,
    });
    const moved = new GuardHome(target, home.genesis);
    expect(validatorKeysOf((await moved.keystore()).secrets)[1]).toBe(newKey);
    expect((await rotateKey(target, HOME_PASSPHRASE)).newKey).toBe(newKey);
  });
});
