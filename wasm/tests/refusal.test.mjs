// Every refusal has a stable code and changes nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Replica, RejoinError } from 'rejoin';
import { expected, fromHex, refuses } from './script.mjs';

/** Asserts that applying `bytes` is refused, with the state as it was. */
function refusesDelta(code, replica, bytes) {
  const before = [replica.fingerprint(), replica.context()];
  const error = refuses(code, () => replica.apply(bytes));
  assert.deepEqual([replica.fingerprint(), replica.context()], before);
  return error;
}

test('a delta that builds on missing changes is refused as a gap', () => {
  const [a, b] = [new Replica(), new Replica()];
  a.transact((tx) => tx.register('x').set(1));
  const context = a.context();
  a.transact((tx) => tx.register('x').set(2));
  const error = refusesDelta('gap', b, a.deltaSince(context));
  assert.ok(error instanceof Error && error instanceof RejoinError);
  assert.equal(error.name, 'RejoinError');
  assert.match(error.message, /builds on change 1/);
  b.apply(a.deltaSince(b.context()));
  assert.equal(b.register('x').get(), 2);
});

test('bytes that are no delta are refused', () => {
  const replica = new Replica();
  replica.transact((tx) => tx.register('x').set(1));
  const valid = fromHex(expected.deltas[0]);
  refusesDelta('malformed-bytes', replica, new Uint8Array());
  refusesDelta('malformed-bytes', replica, valid.subarray(0, -1));
  refusesDelta('malformed-bytes', replica, Uint8Array.of(...valid, 0));
  refusesDelta('unknown-format', replica, Uint8Array.of(2, ...valid.subarray(1)));
  refusesDelta('delta-too-large', replica, new Uint8Array(2 ** 24 + 1));
  for (const other of [undefined, null, 'text', [1, 2], new ArrayBuffer(3), new Uint16Array(2), {}]) {
    refusesDelta('not-bytes', replica, other);
  }
});

test('a delta with more of the own changes than were made is refused', () => {
  const replicaId = new Uint8Array(16).fill(7);
  const [original, copy] = [new Replica({ replicaId }), new Replica({ replicaId })];
  copy.transact((tx) => tx.register('x').set(1));
  original.transact((tx) => tx.register('y').set(1));
  copy.transact((tx) => tx.register('x').set(2));
  refusesDelta('unknown-own-changes', original, copy.deltaSince());
});

test('a context that is none is refused', () => {
  const replica = new Replica();
  refuses('malformed-bytes', () => replica.deltaSince(new Uint8Array(3).fill(1)));
  refuses('not-bytes', () => replica.deltaSince('context'));
});

test('a replica is not made with a wrong id or clock', () => {
  for (const replicaId of [null, 'id', new Uint8Array(15), new Uint8Array(17), {}]) {
    refuses('invalid-id', () => new Replica({ replicaId }));
  }
  refuses('invalid-clock', () => new Replica({ now: 5 }));
});

test('a clock that fails stops the write, not the replica', () => {
  let answer;
  const replica = new Replica({ now: () => answer() });
  for (const now of [() => NaN, () => -1, () => '5', () => Infinity, () => { throw new Error('no'); }]) {
    answer = now;
    refuses('invalid-clock', () => replica.transact((tx) => tx.counter('c').add(1)));
  }
  answer = () => 1700000000000.5;
  replica.transact((tx) => tx.counter('c').add(1));
  assert.equal(replica.counter('c').value, 1);
});

test('a committed state cannot be written through', () => {
  const handle = new Replica().register('x');
  assert.equal(handle.set, undefined);
});
