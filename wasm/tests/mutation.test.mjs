// Deltas from the network may be anything.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Replica, RejoinError } from 'rejoin';
import { expected, fromHex, runScript } from './script.mjs';

/** Marsaglia, "Xorshift RNGs", 2003: the triple 13, 17, 5. */
function random(seed) {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** A few bytes of `bytes` changed, inserted, removed or repeated. */
function mutate(bytes, draw) {
  const mutated = [...bytes];
  for (let changes = 1 + draw(4); changes > 0; changes -= 1) {
    const at = draw(mutated.length);
    const edits = [
      () => mutated.splice(at, 1, draw(256)),
      () => mutated.splice(at, 1, mutated[at] ^ (1 << draw(8))),
      () => mutated.splice(at, 0, draw(256)),
      () => mutated.splice(at, 1 + draw(8)),
      () => mutated.splice(at, 0, ...mutated.slice(at, at + 1 + draw(32))),
      () => mutated.splice(at, 1, [0x00, 0x7f, 0x80, 0xff][draw(4)]),
    ];
    edits[draw(edits.length)]();
    if (mutated.length === 0) return Uint8Array.of(draw(256));
  }
  return Uint8Array.from(mutated);
}

test('1 000 mutated deltas are applied or refused, and the instance goes on', () => {
  const draw = random(20261121);
  const deltas = expected.deltas.map(fromHex);
  const codes = new Map();
  for (let round = 0; round < 1000; round += 1) {
    const replica = new Replica();
    replica.apply(deltas[0]);
    const before = [replica.fingerprint(), replica.context()];
    try {
      replica.apply(mutate(deltas[draw(deltas.length)], draw));
      codes.set('applied', (codes.get('applied') ?? 0) + 1);
    } catch (error) {
      assert.ok(error instanceof RejoinError, `round ${round}: ${error.stack}`);
      assert.notEqual(error.code, 'poisoned', `round ${round}: ${error.cause?.stack}`);
      assert.deepEqual([replica.fingerprint(), replica.context()], before, `round ${round}`);
      codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
    }
    replica.map().keys();
    replica.conflicts();
    replica.transact((tx) => tx.counter('after').add(1));
    assert.equal(replica.counter('after').value, 1, `round ${round}`);
    replica.free();
  }
  assert.ok(codes.get('malformed-bytes') > 500, `${[...codes]}`);
  assert.deepEqual(runScript().ends, expected.ends);
});
