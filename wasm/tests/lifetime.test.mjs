// Who frees what, and when.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import * as rejoin from 'rejoin';
import { Replica } from 'rejoin';
import { refuses } from './script.mjs';

test('a replica may be freed twice, and is refused afterwards', () => {
  const replica = new Replica();
  const handle = replica.register('x');
  replica.free();
  replica.free();
  const calls = [
    () => replica.transact(() => {}),
    () => replica.context(),
    () => replica.deltaSince(),
    () => replica.apply(new Uint8Array()),
    () => replica.conflicts(),
    () => replica.fingerprint(),
    () => handle.get(),
  ];
  for (const call of calls) refuses('freed', call);
});

test('a replica can be disposed of', () => {
  const replica = new Replica();
  replica[Symbol.dispose]();
  refuses('freed', () => replica.context());
});

test('a conflict outlives the listing, not the replica', () => {
  const [a, b] = [new Replica(), new Replica()];
  a.transact((tx) => tx.register('x').set(1));
  b.transact((tx) => tx.register('x').set(2));
  a.apply(b.deltaSince(a.context()));
  const [conflict] = a.conflicts();
  a.free();
  assert.equal(conflict.siblings.length, 2);
  refuses('freed', () => conflict.resolve(() => 1));
});

test('loading again does nothing', async () => {
  const replica = new Replica();
  replica.transact((tx) => tx.register('x').set(1));
  await rejoin.init();
  rejoin.initSync(await readFile(new URL('../pkg/rejoin_wasm_bg.wasm', import.meta.url)));
  assert.equal(rejoin.default, rejoin.init);
  assert.equal(replica.register('x').get(), 1);
});
