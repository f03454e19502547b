// Before, during and after loading the WebAssembly module.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { Replica, RejoinError, init, initSync } from 'rejoin';

const hasCode = (code) => (error) => error instanceof RejoinError && error.code === code;

test('a module is loaded once, and nothing works before', async () => {
  assert.throws(() => new Replica(), hasCode('not-initialised'));
  await assert.rejects(init(Uint8Array.of(1, 2, 3)), hasCode('not-loaded'));
  assert.throws(() => initSync(Uint8Array.of(1, 2, 3)), hasCode('not-loaded'));
  initSync(await readFile(new URL('../pkg/rejoin_wasm_bg.wasm', import.meta.url)));
  const replica = new Replica();
  await Promise.all([init(), init()]);
  assert.equal(replica.counter('c').value, 0);
});
